import { gzipSync } from 'node:zlib';
import { stringify } from 'yaml';
import { ChandlerError } from '../domain/run/failure.ts';
import { sha256Of } from '../host/sha256.ts';

/** The path of a script on its host. {@link Runner.hasProvisionScript} checks it. */
export const scriptPath = '/usr/local/bin/chandler-provision.sh';

/** How a script can reach a host. */
export const scriptFormats = ['sh', 'cloud-init', 'rc.local'] as const;
/** `sh`: the script itself. `cloud-init`: user-data. `rc.local`: an /etc/rc.local. */
export type ScriptFormat = (typeof scriptFormats)[number];

/**
 * Wraps the text of {@link script} in a format that brings it to its host. `sh` is the script itself. `cloud-init` is user-data
 * that writes it to `path` and starts it on every boot. `rc.local` is an /etc/rc.local that does the same.
 *
 * @throws ChandlerError invalid-input for a path that is not absolute, or would need quotes
 */
export function formatScript(text: string, format: ScriptFormat, path: string = scriptPath): string {
  if (format === 'sh') return text;
  if (!/^\/[\w./-]+$/.test(path))
    throw new ChandlerError('invalid-input', 'the path of a script must be absolute: letters, digits, . _ -');
  return format === 'cloud-init' ? cloudInit(text, path) : rcLocal(text, path);
}

/** Runs in the background, because a boot must not wait for it. */
const start = (path: string) => `nohup ${path} </dev/null >/dev/null 2>&1 &`;

function cloudInit(text: string, path: string): string {
  // Compressed, because some providers limit user-data to 16 KB.
  const content = gzipSync(text, { level: 9 }).toString('base64');
  const files = [
    { path, permissions: '0755', encoding: 'gz+b64', content },
    {
      path: '/var/lib/cloud/scripts/per-boot/50-chandler-provision',
      permissions: '0755',
      content: `#!/bin/sh\n${start(path)}\n`,
    },
  ];
  return `#cloud-config\n${stringify({ write_files: files }, { lineWidth: 0 })}`;
}

function rcLocal(text: string, path: string): string {
  const end = `CHANDLER_${sha256Of(text).slice(0, 16)}`;
  return `#!/bin/sh
# Provisions this host: writes ${path} and starts it, on every boot.
cat >${path}.new <<'${end}' && chmod 755 ${path}.new && mv -f ${path}.new ${path}
${text}${end}
${start(path)}
exit 0
`;
}
