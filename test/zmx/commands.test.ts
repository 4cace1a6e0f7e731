import { describe, expect, it } from 'vitest';
import { render, renderMasked } from '../../src/shell/index.ts';
import {
  attachCommand,
  attachHint,
  historyCommand,
  killCommand,
  listCommand,
  listShortCommand,
  runCommand,
  versionCommand,
  waitCommand,
} from '../../src/zmx/index.ts';

const place = { zmxPath: '/opt/zmx', zmxDir: '/run/chandler/zmx' };
const odd = { zmxPath: "/it's/zmx", zmxDir: '/run/my dir' };
const CLEAN = 'env -u ZMX_SESSION -u ZMX_SESSION_PREFIX HISTFILE= ZMX_DIR=/run/chandler/zmx /opt/zmx';

describe('zmx commands', () => {
  it.each([
    ['version', versionCommand(place), `${CLEAN} version`],
    ['list', listCommand(place), `${CLEAN} list`],
    ['list --short', listShortCommand(place), `${CLEAN} list --short`],
    ['history', historyCommand(place, 'px-egress.2'), `${CLEAN} history px-egress.2`],
    ['wait', waitCommand(place, ['a', 'b c']), `${CLEAN} wait a 'b c'`],
    ['kill', killCommand(place, ['a']), `${CLEAN} kill a`],
    ['attach', attachCommand(place, 'a'), `${CLEAN} attach a`],
    [
      'run',
      runCommand(place, 'px-egress', '/var/lib/chandler/bin/supervise-1', '/var/lib/chandler/launches/x'),
      `${CLEAN} run px-egress -d bash /var/lib/chandler/bin/supervise-1 /var/lib/chandler/launches/x </dev/null >/dev/null 2>&1`,
    ],
  ])('%s', (_, command, line) => {
    expect(render(command)).toBe(line);
    expect(renderMasked(command)).toBe(line);
  });

  it('quotes a program and a directory of any name', () => {
    expect(render(listCommand(odd))).toBe(
      "env -u ZMX_SESSION -u ZMX_SESSION_PREFIX HISTFILE= 'ZMX_DIR=/run/my dir' '/it'\\''s/zmx' list",
    );
  });

  it('tells a person the whole command', () => {
    expect(attachHint({ ...place, session: 'px-egress' })).toBe(
      'ZMX_DIR=/run/chandler/zmx /opt/zmx attach px-egress',
    );
    expect(attachHint({ ...odd, session: 'a b' })).toBe("ZMX_DIR='/run/my dir' '/it'\\''s/zmx' attach 'a b'");
  });

  it.each([
    ['-d', '/x'],
    ['-data', '/x'],
    ['/supervise', '-d'],
    ['/supervise', '-dry-run'],
  ])('refuses to run %s %s: zmx would swallow it', (supervisor, dir) => {
    expect(() => runCommand(place, 'a', supervisor, dir)).toThrow(
      expect.objectContaining({ code: 'invalid-input' }),
    );
  });

  it.each(['', '.', '..', '-d', '-x', 'a/b', 'px-*', '*', 'a\tb', 'a\nb', 'a\0', 'a\u001b[2J'])(
    'refuses %j as the name of a session',
    (name) => {
      const refused = expect.objectContaining({ code: 'invalid-input' });
      expect(() => runCommand(place, name, '/s', '/d')).toThrow(refused);
      expect(() => historyCommand(place, name)).toThrow(refused);
      expect(() => killCommand(place, ['a', name])).toThrow(refused);
      expect(() => waitCommand(place, [name])).toThrow(refused);
      expect(() => attachHint({ ...place, session: name })).toThrow(refused);
    },
  );

  it('refuses a name that makes the path of the socket too long, counted in bytes', () => {
    const room = 107 - '/run/chandler/zmx/'.length;
    expect(() => historyCommand(place, 'x'.repeat(room))).not.toThrow();
    expect(() => historyCommand(place, 'x'.repeat(room + 1))).toThrow(/108 bytes, at most 107/);
    expect(() => historyCommand(place, 'é'.repeat(room / 2 + 1))).toThrow(/at most 107/);
  });

  it('refuses to wait for, or kill, nothing', () => {
    const refused = expect.objectContaining({ code: 'invalid-input' });
    expect(() => waitCommand(place, [])).toThrow(refused);
    expect(() => killCommand(place, [])).toThrow(refused);
  });
});
