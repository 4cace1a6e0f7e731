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
  ])('render %s without secrets or settings of the session', (_, command, line) => {
    expect(render(command)).toBe(line);
    expect(renderMasked(command)).toBe(line);
  });

  it('quote a program and a directory of any name', () => {
    expect(render(listCommand(odd))).toBe(
      "env -u ZMX_SESSION -u ZMX_SESSION_PREFIX HISTFILE= 'ZMX_DIR=/run/my dir' '/it'\\''s/zmx' list",
    );
  });

  it('include an attach command that a person can paste', () => {
    expect(attachHint({ ...place, session: 'px-egress' })).toBe(
      'env ZMX_DIR=/run/chandler/zmx /opt/zmx list --short | grep -qxF px-egress && env ZMX_DIR=/run/chandler/zmx /opt/zmx attach px-egress || echo no session px-egress any more',
    );
    const call = "sudo env ZMX_DIR='/run/my dir' '/it'\\''s/zmx'";
    expect(attachHint({ ...odd, session: 'a b', become: 'sudo' })).toBe(
      `${call} list --short | grep -qxF 'a b' && ${call} attach 'a b' || echo no session 'a b' any more`,
    );
  });

  it.each(['', '.', '..', 'logs', '-d', '-x', 'a/b', 'px-*', '*', 'a\tb', 'a\nb', 'a\0', 'a\u001b[2J'])(
    'refuse %j as a session name',
    (name) => {
      const refused = expect.objectContaining({ code: 'invalid-input' });
      expect(() => historyCommand(place, name)).toThrow(refused);
      expect(() => attachHint({ ...place, session: name })).toThrow(refused);
    },
  );

  it('refuse a name that makes the socket path too long in bytes', () => {
    const room = 107 - '/run/chandler/zmx/'.length;
    expect(() => historyCommand(place, 'x'.repeat(room))).not.toThrow();
    expect(() => historyCommand(place, 'x'.repeat(room + 1))).toThrow(/108 bytes, at most 107/);
    expect(() => historyCommand(place, 'é'.repeat(room / 2 + 1))).toThrow(/at most 107/);
  });
});
