#!/bin/sh
# ask-debconf.sh FRONTEND DIR: asks a question as the script of a package does, with a debconf database of its own in DIR.
set -eu
mkdir -p "$2"
for name in config templates; do
  printf 'Name: %s\nDriver: File\nFilename: %s/%s.dat\n\n' "$name" "$2" "$name"
done >"$2/databases"
printf 'Config: config\nTemplates: templates\n\n' | cat - "$2/databases" >"$2/debconf.conf"
export DEBCONF_SYSTEMRC="$2/debconf.conf"
printf 'Template: chandler/name\nType: string\nDescription: Name?\n' >"$2/chandler.templates"
cat >"$2/chandler.postinst" <<'END'
#!/bin/sh
. /usr/share/debconf/confmodule
db_input critical chandler/name
db_go
END
chmod +x "$2/chandler.postinst"
DEBIAN_FRONTEND=$1 exec "$2/chandler.postinst" configure
