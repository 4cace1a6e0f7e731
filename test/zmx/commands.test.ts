import { describe, expect, it } from 'vitest';
import { render, renderMasked } from '../../src/shell/index.ts';
import { attachHint, historyCommand, listCommand } from '../../src/zmx/index.ts';

const place = { zmxPath: '/opt/zmx', zmxDir: '/run/chandler/zmx' };
const odd = { zmxPath: "/it's/zmx", zmxDir: '/run/my dir' };
const CLEAN = 'env -u ZMX_SESSION -u ZMX_SESSION_PREFIX HISTFILE= ZMX_DIR=/run/chandler/zmx /opt/zmx';

describe('zmx commands', () => {
  it.each([
    ['list', listCommand(place), `${CLEAN} list`],
    ['history', historyCommand(place, 'px-egress.2'), `${CLEAN} history px-egress.2`],
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

  it.each(['', '.', '..', 'logs', '-d', '-x', 'a/b', 'px-*', '*', 'a\tb', 'a\nb', 'a\0', 'a\u001b[2J'])(
    'refuses %j as the name of a session',
    (name) => {
      const refused = expect.objectContaining({ code: 'invalid-input' });
      expect(() => historyCommand(place, name)).toThrow(refused);
      expect(() => attachHint({ ...place, session: name })).toThrow(refused);
    },
  );

  it('refuses a name that makes the path of the socket too long, counted in bytes', () => {
    const room = 107 - '/run/chandler/zmx/'.length;
    expect(() => historyCommand(place, 'x'.repeat(room))).not.toThrow();
    expect(() => historyCommand(place, 'x'.repeat(room + 1))).toThrow(/108 bytes, at most 107/);
    expect(() => historyCommand(place, 'é'.repeat(room / 2 + 1))).toThrow(/at most 107/);
  });
});
