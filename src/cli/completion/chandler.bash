# shellcheck shell=bash
# Completes the command lines of chandler in bash 4 or newer.

_chandler() {
  # bash breaks words at colons, which ids hold: the program gets the line as it was typed and breaks it by itself.
  local line=${COMP_LINE:0:COMP_POINT} found
  local -a answer=()
  mapfile -t answer < <(chandler __complete bash "$line" "$COMP_WORDBREAKS" 2>/dev/null)
  COMPREPLY=()
  for found in "${answer[@]}"; do
    case $found in
      =files)
        compopt -o default
        ;;
      =*) ;;
      *)
        COMPREPLY+=("$found")
        ;;
    esac
  done
}

complete -F _chandler chandler
