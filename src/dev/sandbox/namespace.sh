#!/bin/sh
# Builds the root of a sandbox host and becomes its first process.
# Started by `unshare --mount --pid --uts --ipc --fork`, so every mount below dies with this process.
# Arguments: a marker and the host's folder (by which `down` finds this process if host.json is lost), the name, the disk in MiB.
# It writes its process id to file descriptor 3, and waits for "go" on stdin.
set -eu
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022
marker=$1 folder=$2 name=$3 size=$4m

# The machine's /proc has the id as the machine sees it.
read -r pid _ </proc/self/stat
echo "$pid" >&3
# End of file: the starter died without a record of this process.
read -r _ || exit 1

# One tmpfs is the host's disk, also for the overlays below.
mount -t tmpfs -o "size=$size,mode=755" disk "$folder/mnt"
cd "$folder/mnt"
mkdir -p root upper/etc upper/var/lib work/etc work/var
mount --bind root root

# Overlays over the machine's system; its other top-level directories are absent.
for path in /bin /sbin /lib /lib32 /lib64 /libx32 /usr /etc /var; do
  part=${path#/}
  if [ -L "$path" ]; then
    ln -s "$(readlink "$path")" "root/$part"
  elif [ -d "$path" ]; then
    mkdir -p "upper/$part" "work/$part" "root/$part"
    # In an overlay a 0:0 device hides what is below.
    if [ "$part" = var ]; then
      for hidden in /var/tmp /var/log /var/lib/chandler /var/lib/docker /var/lib/postgresql; do
        if [ -d "$hidden" ]; then mknod "upper$hidden" c 0 0; fi
      done
    fi
    # The path is relative, because a comma or colon in the folder's name would separate mount options.
    mount -t overlay -o "lowerdir=$path,upperdir=upper/$part,workdir=work/$part" overlay "root/$part"
  fi
done

cd root
# These are private to the machine: keys, tokens, people, jobs.
rm -rf etc/ssh/ssh_host_* etc/ssl/private etc/environment etc/profile.d etc/npmrc etc/pip.conf etc/gitconfig etc/netrc \
  etc/wgetrc etc/sudoers.d etc/apt/auth.conf etc/apt/auth.conf.d etc/cron.d etc/shadow* etc/gshadow* etc/passwd- etc/group- \
  etc/hostname etc/hosts etc/resolv.conf var/mail var/spool var/backups
mkdir -p boot dev home media mnt opt proc run srv sys etc/profile.d etc/sandbox var/log var/spool
# Without it sshd prints a complaint at each login.
: >var/log/lastlog
mkdir -m 700 root
mkdir -m 1777 tmp var/tmp

mount -t proc -o nosuid,nodev,noexec proc proc
mount -t sysfs -o ro,nosuid,nodev,noexec sys sys || echo 'no /sys in this host'
mount -t tmpfs -o "size=$size,mode=755,nosuid,nodev" run run
mount -t tmpfs -o size=1m,mode=755,nosuid dev dev
mkdir dev/pts dev/shm run/lock run/sandbox
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5,nosuid,noexec devpts dev/pts
mount -t tmpfs -o "size=$size,mode=1777,nosuid,nodev" shm dev/shm
cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /dev/fd /dev/stdin /dev/stdout /dev/stderr dev/
ln -s pts/ptmx dev/ptmx

echo "$name" >proc/sys/kernel/hostname
# The host's own boot id: a simulated reboot changes the file.
cat /proc/sys/kernel/random/uuid >run/sandbox/boot_id

# System accounts, root and app only, without password hashes.
awk -F: -v OFS=: '
  FILENAME == "/etc/passwd" && $1 == "root" { $7 = "/bin/bash" }
  $1 == "app" || ($3 >= 1000 && $3 != 65534) { next }
  FILENAME == "/etc/passwd" { print >"etc/passwd"; print $1 ":*:19000:0:99999:7:::" >"etc/shadow" }
  FILENAME == "/etc/group" { $4 = ""; print >"etc/group"; print $1 ":*::" >"etc/gshadow" }
' /etc/passwd /etc/group
echo 'app:x:1000:1000::/home/app:/bin/bash' >>etc/passwd
echo 'app:*:19000:0:99999:7:::' >>etc/shadow
echo 'app:x:1000:' >>etc/group
echo 'app:*::' >>etc/gshadow
chmod 600 etc/shadow etc/gshadow
cat /etc/resolv.conf >etc/resolv.conf || :
echo "$name" >etc/hostname
printf '127.0.0.1 localhost\n127.0.1.1 %s\n::1 localhost\n' "$name" >etc/hosts
cp "$folder"/etc/* etc/sandbox/

mkdir run/machine
pivot_root . run/machine
cd /
umount -l /run/machine
rmdir /run/machine

# Confines the first process, which waits in its own user namespace: there root's capabilities do not reach the machine's network,
# clock, devices, mounts or modules. User ids stay the same; one is left out, because PAM takes a complete map for the machine's.
# shellcheck disable=SC2016 # expanded by the inner shell
confine() {
  read -r _ <&4 &&
    for kind in uid gid; do
      # The kernel accepts a map in one write only.
      map=$(sed 's/\([0-9]\+\) *[0-9]\+ */\1 \1 /; s/ 4294967295$/ 4294967294/' "/proc/self/${kind}_map")
      echo "$map" >"/proc/1/${kind}_map" || return
    done &&
    # Without further namespaces no process gets more capabilities than this namespace grants.
    nsenter --user --target 1 sh -c 'for limit in /proc/sys/user/max_*_namespaces; do echo 0 >"$limit" || exit; done' &&
    # Files of the kernel that any process of user 0 may write, whatever its capabilities.
    { find /proc -maxdepth 1 -type f -perm /222 && find /proc -mindepth 1 -maxdepth 1 -type d -name '[a-z]*'; } |
    sed 's/.*/& & none bind,ro/' >/run/sandbox/fstab &&
    mount --all --fstab /run/sandbox/fstab && rm /run/sandbox/fstab && [ ! -w /proc/sys/kernel/hostname ] &&
    mount --bind /run/sandbox/boot_id /proc/sys/kernel/random/boot_id
}
mkfifo /run/sandbox/waits /run/sandbox/confined
exec 4<>/run/sandbox/waits 5<>/run/sandbox/confined
rm /run/sandbox/waits /run/sandbox/confined
{ if confine; then echo yes; else echo no; fi >&5; } 3>&- &

exec env -i PATH="$PATH" HOME=/root unshare --user /bin/sh /etc/sandbox/enter.sh "$marker" "$folder" </dev/null
