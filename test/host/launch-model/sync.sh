#!/bin/sh
# sync PATH...: keeps in DISK what a loss of power would leave of each: the bytes of a file, the entries of a directory.
for path; do
  number=$(stat -c %i "$path") || exit 1
  if [ -d "$path" ]; then
    stat -c '%i %F %n' "$path"/* "$path"/.[!.]* 2>/dev/null >"$DISK/$number.entries"
  else
    cp "$path" "$DISK/$number"
  fi
done
