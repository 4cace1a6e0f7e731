#!/bin/sh
# Builds the root of a sandbox host and becomes its first process.
# Started by `unshare --mount --pid --uts --ipc --fork`, so every mount below dies with this process.
# Arguments: a marker and the host's folder (how `down` finds this process when its notes are lost), the host's name,
# the size of its disk in MiB.
# File descriptor 3 tells the starter our process id; "go" on stdin says that the starter has noted it down.
set -eu
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022
marker=$1 folder=$2 name=$3 size=$4m

# The old /proc is still here: it gives the id as the machine sees it.
read -r pid _ </proc/self/stat
echo "$pid" >&3
# End of file: the starter died before it knew us, so nobody could ever take us down.
read -r _ || exit 1

# One tmpfs is the host's disk: what the overlays below write, and everything else, shares its size.
mount -t tmpfs -o "size=$size,mode=755" disk "$folder/mnt"
cd "$folder/mnt"
mkdir -p root upper/etc upper/var/lib work/etc work/var
mount --bind root root

# The system is the machine's, seen through overlays. Whatever else the machine keeps at the top isn't there at all.
for path in /bin /sbin /lib /lib32 /lib64 /libx32 /usr /etc /var; do
  part=${path#/}
  if [ -L "$path" ]; then
    ln -s "$(readlink "$path")" "root/$part"
  elif [ -d "$path" ]; then
    mkdir -p "upper/$part" "work/$part" "root/$part"
    # In an overlay a 0:0 device hides what is below: cheaper than deleting a tree.
    if [ "$part" = var ]; then
      for hidden in /var/tmp /var/log /var/lib/chandler /var/lib/docker /var/lib/postgresql; do
        if [ -d "$hidden" ]; then mknod "upper$hidden" c 0 0; fi
      done
    fi
    # Relative names: a folder's name may hold the comma or colon that mount options give a meaning to.
    mount -t overlay -o "lowerdir=$path,upperdir=upper/$part,workdir=work/$part" overlay "root/$part"
  fi
done

cd root
# What may be private to the machine: keys, tokens, people, jobs.
rm -rf etc/ssh/ssh_host_* etc/ssl/private etc/environment etc/profile.d etc/npmrc etc/pip.conf etc/gitconfig etc/netrc \
  etc/wgetrc etc/sudoers.d etc/apt/auth.conf etc/apt/auth.conf.d etc/cron.d etc/shadow* etc/gshadow* etc/passwd- etc/group- \
  etc/hostname etc/hosts etc/resolv.conf var/mail var/spool var/backups
mkdir -p boot dev home media mnt opt proc run srv sys etc/profile.d etc/sandbox var/log var/spool
# Without it sshd complains at each login, on the terminal of whoever logs in.
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
# Kernel settings belong to the machine: this mount of them is read-only.
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
# Each host has a boot id of its own, in a file so that a simulated reboot can change it.
cat /proc/sys/kernel/random/uuid >run/sandbox/boot_id
mount --bind run/sandbox/boot_id proc/sys/kernel/random/boot_id

# The machine's people and password hashes stay outside: system accounts, root and app only.
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

exec env -i PATH="$PATH" HOME=/root \
  setpriv --bounding-set -sys_module,-sys_rawio,-sys_boot,-sys_time,-mknod,-syslog \
  /bin/sh /etc/sandbox/init.sh "$marker" "$folder" </dev/null
