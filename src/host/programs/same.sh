# Begins the check of a step with files. `each VERB` calls VERB for each file, see place.sh.
# same KEY PATH MODE OWNER SHA256: ends the program with 1 unless the file is in place as the step defines it.
same() {
  if [ -h "$2" ] || [ ! -f "$2" ]; then exit 1; fi
  owner=${4:-$(id -u)}
  case " $(stat -c '%U %u' "$2") " in *" ${owner%%:*} "*) ;; *) exit 1 ;; esac
  case $owner in *:*)
    case " $(stat -c '%G %g' "$2") " in *" ${owner#*:} "*) ;; *) exit 1 ;; esac
    ;;
  esac
  [ "$(printf '%04d' "$(stat -c %a "$2")")" = "$3" ] || exit 1
  sum=$(sha256sum <"$2")
  [ "${sum%% *}" = "$5" ] || exit 1
}
