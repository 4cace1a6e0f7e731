# Completes the command lines of chandler in fish 3 or newer.

function __chandler_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for found in (chandler __complete fish $words[2..-1] "$current" 2>/dev/null)
        switch $found
            case '=files'
                __fish_complete_path $current
            case '=*'
            case '*'
                echo $found
        end
    end
end

complete -c chandler -f -a '(__chandler_complete)'
