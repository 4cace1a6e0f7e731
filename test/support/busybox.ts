import type { SandboxHost } from '../../src/dev/sandbox/index.ts';
import { sandboxExec } from './sandbox-control.ts';

/**
 * Strips a host down to a small distribution: busybox, sshd and tmux with their libraries, and no other program (no bash,
 * util-linux or coreutils).
 */
export async function stripToBusybox(host: SandboxHost): Promise<void> {
  const { code, stderr } = await sandboxExec(host, ['/bin/busybox', 'sh', '-s'], { stdin: STRIP });
  if (code !== 0) throw new Error(`${host.name} could not be stripped: ${stderr}`);
}

const STRIP = `
set -e
# Debian's busybox has no flock. The one in Alpine's busybox supports neither -w nor --version.
cp /usr/bin/flock /usr/lib/flock-of-util-linux
# The commands below use this copy, since they delete the directories of the others.
cp /bin/busybox /root/busybox
cd /usr/bin
/root/busybox find . -mindepth 1 -maxdepth 1 ! -name tmux | /root/busybox xargs /root/busybox rm -rf
cd /usr/sbin
/root/busybox find . -mindepth 1 -maxdepth 1 ! -name sshd | /root/busybox xargs /root/busybox rm -rf
/root/busybox rm -rf /usr/local/bin /usr/local/sbin
/root/busybox cp /root/busybox /usr/bin/busybox
/usr/bin/busybox --install -s /usr/bin
/usr/bin/busybox rm -f /usr/bin/bash /root/busybox
cat >/usr/bin/flock <<'END'
#!/bin/sh
for word; do
  case $word in
    -w | -w* | --*) echo "flock: unrecognized option: $word" >&2; exit 1 ;;
    -*) ;;
    *) break ;;
  esac
done
exec /usr/lib/flock-of-util-linux "$@"
END
chmod 755 /usr/bin/flock
sed -i 's,:/bin/bash$,:/bin/sh,' /etc/passwd
`;
