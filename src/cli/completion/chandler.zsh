#compdef chandler
# Completes the command lines of chandler in zsh: sourced, or as the file _chandler in a directory of $fpath.

_chandler() {
  local -a answer values shown
  local found value files=0
  answer=("${(@f)$(chandler __complete zsh "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  for found in $answer; do
    case $found in
      '') ;;
      '=files') files=1 ;;
      '='*) ;;
      *)
        value=${found%%$'\t'*}
        values+=("$value")
        if [[ $found == *$'\t'?* ]]; then
          shown+=("$value  -- ${found#*$'\t'}")
        else
          shown+=("$value")
        fi
        ;;
    esac
  done
  (( ${#values} )) && compadd -l -d shown -a values
  (( files )) && _files
  return 0
}

if [[ $funcstack[1] == _chandler ]]; then
  _chandler "$@"
else
  compdef _chandler chandler
fi
