# shellcheck shell=bash
# Sourced by a program under test, if bash runs it: stops it before one of its commands.
# usage: . faults.sh DIR PROGRAM
# DIR/trace.PROGRAM, if there, gets a line for each command that is about to run: `SUBSHELL<tab>POINT`.
# DIR/plan.PROGRAM holds what to do (first line) and at which point (second line). It is done once, then DIR/fired.PROGRAM
# is there. A point is a command with the lines that led to it, so that one reached by two ways is two points.
fault_dir=$1 fault_program=$2 fault_how='' fault_point='' fault_half=''

fault_here() {
  local IFS=' ' command=${2%%$'\n'*}
  local point="$command  [${FUNCNAME[*]:1:${#FUNCNAME[@]}-2} $1 ${BASH_LINENO[*]:1:${#BASH_LINENO[@]}-2}]"
  if [[ -z $fault_how ]]; then
    printf '%s\t%s\n' "$BASH_SUBSHELL" "$point" >>"$fault_dir/trace.$fault_program"
    return
  fi
  [[ $point == "$fault_point" && ! -e $fault_dir/fired.$fault_program ]] || return
  : >"$fault_dir/fired.$fault_program"
  case $fault_how in
    program) kill -KILL $$ ;;
    part) kill -KILL "$BASHPID" ;;
    group) kill -KILL 0 ;;
    # What a command does in more than one step is left half done.
    half)
      fault_half='kill -KILL 0'
      if [[ $command =~ [^0-9\<\>]\>[[:space:]]?(\"[^\"]*\") ]]; then
        fault_half=": >${BASH_REMATCH[1]}; $fault_half"
      elif [[ $command =~ ^rm\ -rf\ (\"[^\"]*\") ]]; then
        fault_half="rm -f ${BASH_REMATCH[1]}/exit ${BASH_REMATCH[1]}/started; $fault_half"
      fi
      ;;
    pause) while [[ ! -e $fault_dir/resume ]]; do sleep 0.01; done ;;
  esac
}

if [[ -e $fault_dir/plan.$fault_program ]]; then
  { read -r fault_how; read -r fault_point; } <"$fault_dir/plan.$fault_program"
fi
if [[ -n $fault_how || -e $fault_dir/trace.$fault_program ]]; then
  set -o functrace
  # Not inside the function: the words of a redirection are those of the program.
  trap 'fault_here "$LINENO" "$BASH_COMMAND"; eval "$fault_half"' DEBUG
fi
