# create ID BYTES SHA256 SETTINGS_BYTES ENV_BYTES <settings, env and script, one after another
# All or nothing: the directory appears by one rename, and only if every byte of it arrived.
create() {
  launch_dir "$1"
  if [ -d "$launch" ]; then
    cat >/dev/null
    describe
    return
  fi
  mkdir -p "$state_dir/launches" 2>/dev/null
  new=$(mktemp -d "$state_dir/launches/.new.XXXXXX" 2>&1) || {
    err=$new
    case $err in
      *'No space'*) refuse disk-full "no space left for $state_dir" ;;
      *) refuse state-directory-unwritable "$err" ;;
    esac
  }
  trap 'rm -rf "$new"' EXIT
  errors=$({
    cat >"$new/body" &&
      { head -c "$4" "$new/body" && printf 'mask=%s\nlocale=%s\n' "$login_umask" "$login_locale"; } >"$new/settings" &&
      tail -c +"$(($4 + 1))" "$new/body" | head -c "$5" >"$new/env" &&
      tail -c +"$(($4 + $5 + 1))" "$new/body" >"$new/script" &&
      : >"$new/lock" &&
      : >"$new/log" &&
      chmod 700 "$new/script"
  } 2>&1) || explain "$errors"
  sum=$(sha256sum <"$new/body")
  if [ "$(size_of "$new/body")" != "$2" ] || [ "${sum%% *}" != "$3" ]; then
    if is_full; then refuse disk-full "no space left for $state_dir"; fi
    refuse connection-lost 'the launch arrived damaged'
  fi
  rm -f "$new/body"
  # A loss of power must leave neither an empty environment nor a launch that ran and is not known.
  sync "$new"/* "$new" 2>/dev/null || :
  mv -T "$new" "$launch" 2>/dev/null || [ -d "$launch" ] || refuse state-directory-unwritable "cannot create $launch"
  sync "$state_dir/launches" 2>/dev/null || :
  describe
}

has_begun() { [ -e "$launch/exit" ] || [ -e "$launch/started" ] || [ -e "$launch/cancelled" ]; }

# start ID SUPERVISOR BOUND_S SESSION ZMX ZMX_DIR <secrets; SESSION is empty for a launch without a session
# Safe to repeat. Answers once the launch has its record, or `created` when it has none after BOUND_S seconds.
start() {
  launch_dir "$1"
  [ -d "$launch" ] || refuse launch-not-started "launch $1 was never created"
  secrets=$run/secrets/$1
  if has_begun; then
    cat >/dev/null
    # Those of a start that did not come to its end.
    forget_secrets "$1"
    describe
    return
  fi
  cat >"$secrets.$$"
  # One start at a time: a second would type into the session of the first. Not before all was read, which may take long.
  exec 8<"$launch"
  flock 8
  if has_begun; then
    forget_secrets "$1"
    describe
    return
  fi
  # In one step: the supervisor of an earlier start may be reading it.
  printf '%s' "$secrets" | write "$launch/.secrets-path"
  mv -f "$launch/.secrets-path" "$launch/secrets-path"
  rm -f "$launch/held"
  if [ -s "$secrets.$$" ]; then mv -f "$secrets.$$" "$secrets"; else rm -f "$secrets.$$"; fi
  if [ -n "$4" ]; then
    if clear_session "$1" "$4" "$5" "$6"; then
      mkdir -p "$state_dir/sessions" "$6"
      printf '%s\n' "$1" | write "$state_dir/sessions/$4"
      [ "$shell" = bash ] || stand_in_for_bash
      # zmx answers 0 before anything has started; only the record counts.
      call_zmx "$5" "$6" run "$4" -d "$shell" "$2" "$launch" >/dev/null 2>&1
    fi
  else
    # setsid: a launch without a session must not die with the connection that asked for it.
    setsid "$shell" "$2" "$launch" </dev/null >/dev/null 2>&1 8>&- &
  fi
  exec 8>&-
  # Hundredths of a second. A login is quick, or takes its time.
  left=$(($3 * 100)) quick=50
  while [ ! -e "$launch/started" ] && [ ! -e "$launch/exit" ] && [ $left -gt 0 ]; do
    if [ $quick -gt 0 ]; then
      sleep 0.02
      quick=$((quick - 1)) left=$((left - 2))
    else
      sleep 0.1
      left=$((left - 10))
    fi
    # A login that exits takes its session along: nothing will begin in it any more. A multiplexer may need to be
    # looked at before it sees that.
    if [ -n "$4" ] && [ $((left % 100)) -eq 0 ]; then call_zmx "$5" "$6" list --short >/dev/null 2>&1; fi
    if [ -n "$4" ] && [ ! -S "$6/$4" ]; then left=0; fi
    # The supervisor has died, or found no room for its records.
    if [ $((left % 100)) -eq 0 ] && [ -e "$launch/held" ] && ! locked; then break; fi
  done
  if [ ! -e "$launch/started" ] && is_full; then refuse disk-full "no space left for $state_dir"; fi
  # Cancelled meanwhile: whoever did that may have looked for the session before it was there.
  if [ -n "$4" ] && [ -e "$launch/cancelled" ] && [ -S "$6/$4" ]; then end_session "$4" "$5" "$6"; fi
  describe
}

# stand_in_for_bash: zmx insists on a program of that name for the shell of a session.
stand_in_for_bash() {
  [ ! -x "$state_dir/no-bash/bash" ] || return 0
  mkdir -p "$state_dir/no-bash"
  # shellcheck disable=SC2016 # a program
  printf '%s\n' '#!/bin/sh' 'if [ "${1:-}" = --posix ]; then shift; fi' 'if [ $# -eq 0 ]; then set -- -l; fi' 'exec /bin/sh "$@"' |
    write "$state_dir/no-bash/bash.new"
  chmod 755 "$state_dir/no-bash/bash.new"
  mv -f "$state_dir/no-bash/bash.new" "$state_dir/no-bash/bash"
}

# clear_session ID SESSION ZMX ZMX_DIR: makes the name free, unless somebody's work is in it. False if the launch itself is
# about to begin in it: what is typed into it now would be the step's to read.
clear_session() {
  [ -S "$4/$2" ] || return 0
  owner=$(cat "$state_dir/sessions/$2" 2>/dev/null)
  if [ "$owner" = "$1" ]; then
    # Ours, and it never began: hold the lock, so that it can't begin while it is being closed.
    exec 9>>"$launch/lock"
    flock -n 9 || return 1
    free_session "$2" "$3" "$4"
    exec 9>&-
    return 0
  fi
  if [ -n "$owner" ] && [ -d "$state_dir/launches/$owner" ]; then
    mine=$launch
    launch_dir "$owner"
    if locked; then refuse launch-conflict "session $2 is busy with launch $owner"; fi
    launch=$mine
  elif ! call_zmx "$3" "$4" list 2>/dev/null |
    # Labels may be called `ended`, too: only the columns before them count.
    awk -F '\t' -v want="name=$2" '
      { sub(/^(  |→ )/, "", $1) }
      $1 == want {
        i = 2
        while ($i ~ /^(pid|clients|created|start_dir|cwd|cmd)=/) i++
        if ($i ~ /^ended=[0-9]+$/ && $(i + 1) ~ /^exit_code=/) found = 1
      }
      END { exit !found }'; then
    refuse launch-conflict "session $2 is busy and was not started by Chandler"
  fi
  free_session "$2" "$3" "$4"
}
free_session() {
  end_session "$@" || refuse launch-conflict "session $1 has ended, but cannot be closed"
}
