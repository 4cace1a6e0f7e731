import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import AjvDraft04 from 'ajv-draft-04';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { sandboxExec, sandboxReboot } from '../support/sandbox-control.ts';
import type { Plan, Step } from '../../src/domain/plan/schema.ts';
import { formatScript, presets, script, scriptPath, type ScriptOptions } from '../../src/library/index.ts';
import { cloudConfigSchema } from '../support/cloud-init.ts';
import { startHost, type TestHost } from '../support/hosts.ts';
import { poll } from '../support/poll.ts';

const PER_BOOT = '/var/lib/cloud/scripts/per-boot/50-chandler-provision';

interface UserData {
  readonly write_files: readonly {
    readonly path: string;
    readonly permissions: string;
    readonly encoding?: string;
    readonly content: string;
  }[];
}

/** As cloud-init reads it: YAML 1.1, in which a bare 0755 is the number 493. */
function read(text: string): UserData {
  return parse(text, { version: '1.1' }) as UserData;
}

/** What cloud-init writes. */
function decode({ encoding, content }: UserData['write_files'][number]): string {
  return encoding === 'gz+b64' ? gunzipSync(Buffer.from(content, 'base64')).toString('utf8') : content;
}

describe('user-data for cloud-init', () => {
  let refuses: (document: unknown) => string;
  beforeAll(async () => {
    const ajv = new AjvDraft04.default({ strict: false, validateFormats: false, allErrors: true });
    const validate = ajv.compile(await cloudConfigSchema());
    refuses = (document) => (validate(document) ? '' : ajv.errorsText(validate.errors));
  }, 400_000);

  const demo = parse(readFileSync(new URL('../../examples/demo.yaml', import.meta.url), 'utf8')) as Plan;
  const plans: [string, Step[], ScriptOptions][] = [
    ['the smallest plan', [{ name: 'a', script: 'true' }], {}],
    ['examples/demo.yaml', demo.steps, { ...(demo.zmx && { zmx: demo.zmx }) }],
    ['text of all kinds', [{ name: 'a', script: 'echo "ünï: #{x}\t%\\" \u{1f600}\n' }], {}],
    ...presets.names.map((name): [string, Step[], ScriptOptions] => [name, presets.plan(name).steps, {}]),
  ];

  it.each(plans)('passes its schema and contains exactly the script: %s', (_, steps, options) => {
    const made = script(steps, options);
    const text = formatScript(made, 'cloud-init');
    expect(text).toMatch(/^#cloud-config\n/);
    const document = read(text);
    expect(refuses(document)).toBe('');
    // The schema takes keys that it does not know.
    expect(Object.keys(document)).toEqual(['write_files']);
    expect(document.write_files.map(({ path, permissions }) => [path, permissions])).toEqual([
      [scriptPath, '0755'],
      [PER_BOOT, '0755'],
    ]);
    const [whole, perBoot] = document.write_files.map(decode);
    expect(whole).toBe(made);
    expect(perBoot).toMatch(/^#!\/bin\/sh\n/);
    expect(perBoot).toContain(`nohup ${scriptPath} <`);
  });

  it('leaves room for steps below the 16 KB that a cloud accepts, when it is compressed', () => {
    const text = formatScript(script([{ name: 'a', script: 'true' }]), 'cloud-init');
    expect(gzipSync(text, { level: 9 }).length).toBeLessThan(15 * 1024);
  });

  it.each([
    [/permissions: "0755"/g, 'permissions: 0755', 'permissions must be string'],
    ['encoding: gz+b64', 'encoding: xz', 'encoding must be equal to one of the allowed values'],
    ['  - path:', '  - place:', "must have required property 'path'"],
    ['write_files:', 'write_files:\n  a: 1\nother:', 'write_files must be array'],
  ])('does not pass if it is broken: %s as %s', (good, bad, complaint) => {
    const text = formatScript(script([{ name: 'a', script: 'true' }]), 'cloud-init').replace(good, bad);
    expect(refuses(read(text))).toContain(complaint);
  });
});

describe('what starts a script at boot', () => {
  const step = 'until [ -e /root/booted ]; do sleep 0.1; done; echo "at home in $HOME" >>/root/ran';
  const text = script([{ name: 'a', script: step }], { zmx: { source: 'tmux' } });

  it.each(['sh -n', 'dash -n', 'bash -n', 'busybox ash -n', 'shellcheck -s sh -'])('passes %s', (checker) => {
    const [program = '', ...args] = checker.split(' ');
    const perBoot = read(formatScript(text, 'cloud-init')).write_files.at(-1)!.content;
    for (const input of [formatScript(text, 'rc.local'), perBoot])
      expect(spawnSync(program, args, { input, encoding: 'utf8' })).toMatchObject({ status: 0, stdout: '' });
  });

  describe('on a host', () => {
    let host: TestHost;
    beforeAll(async () => {
      host = await startHost();
    });
    afterAll(() => host?.stop());
    beforeEach(() =>
      sh(`rm -rf ${scriptPath} /root/ran /root/booted /var/lib/chandler /var/log/chandler-provision.log`),
    );

    const sh = async (command: string, stdin = '') => {
      const { code, stdout, stderr } = await sandboxExec(host, ['sh', '-c', command], { stdin });
      if (code !== 0) throw new Error(`exit ${code}: ${stderr}${stdout}`);
      return stdout;
    };
    const put = (path: string, mode: string, content: string) =>
      sh(`mkdir -p ${path.replace(/[^/]*$/, '')} && cat >${path} && chmod ${mode} ${path}`, content);
    const says = (what: string) =>
      poll(
        async () => (await sh('cat /var/log/chandler-provision.log 2>/dev/null || :')).includes(what),
        `the log says "${what}"`,
      );

    it.each([
      [
        'rc.local',
        // With the argument that systemd gives it.
        'env -i /etc/rc.local start',
        () => put('/etc/rc.local', '0755', formatScript(text, 'rc.local')),
      ],
      [
        'cloud-init',
        `env -i ${PER_BOOT}`,
        async () => {
          for (const file of read(formatScript(text, 'cloud-init')).write_files)
            await put(file.path, file.permissions, decode(file));
        },
      ],
    ])(
      '%s does not delay the boot, provisions, and at the next boot finds nothing to do',
      async (_, boot, install) => {
        await install();
        await sh(boot);
        await sh('touch /root/booted');
        await says('provisioned: ');
        await sandboxReboot(host);
        await sh(boot);
        await says('nothing to do');
        expect(await sh('cat /root/ran')).toBe('at home in /root\n');
      },
    );
  });
});
