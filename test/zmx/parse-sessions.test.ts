import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSessionRows, parseSessions, type SessionRow } from '../../src/zmx/index.ts';

interface Recording {
  readonly case: string;
  readonly argv: string[] | null;
  readonly stdout: string | null;
}

const recordings = ['0.5.0', '0.6.0', '0.7.0'].map((version) => ({
  version,
  calls: (
    JSON.parse(
      readFileSync(new URL(`../fixtures/zmx/transcripts-${version}.json`, import.meta.url), 'utf8'),
    ) as Recording[]
  ).filter(({ argv }) => argv?.[0]?.startsWith('zmx') && argv[1] === 'list'),
}));

function recorded(version: string, name: string): string {
  const call = recordings.find((r) => r.version === version)?.calls.find((c) => c.case === name);
  if (!call?.stdout) throw new Error(`no recording ${name}`);
  return call.stdout;
}

const LIVE =
  /^(?: {2}|→ )name=([^\t]*)\tpid=(\d+)\tclients=(\d+)\tcreated=(\d+)((?:\t(?:start_dir|cmd)=[^\t]*)*)(?:\tended=(\d+)\texit_code=(\d+))?$/;
const UNREACHABLE = /^ {2}name=([^\t]*)\terr=([A-Za-z]+)\tstatus=(?:unreachable|cleaning up)$/;

/** Reads a recorded row without the parser under test. Returns undefined for a line that is not in the plain form. */
function readPlainRow(line: string): SessionRow | undefined {
  const unreachable = UNREACHABLE.exec(line);
  if (unreachable) {
    const [, name = '', err = ''] = unreachable;
    return { name, state: 'unreachable', err, endedAt: '', exitCode: '', labels: {} };
  }
  const live = LIVE.exec(line);
  if (!live) return undefined;
  const [, name = '', pid, clients, created, more = '', endedAt = '', exitCode = ''] = live;
  const startDir = /\tstart_dir=([^\t]*)/.exec(more)?.[1];
  const cmd = /\tcmd=([^\t]*)/.exec(more)?.[1];
  return {
    name,
    state: endedAt === '' ? 'running' : 'ended',
    pid: Number(pid),
    clients: Number(clients),
    created: Number(created),
    ...(startDir !== undefined && { startDir }),
    ...(cmd !== undefined && { cmd }),
    endedAt,
    exitCode,
    labels: {},
  };
}

describe.each(recordings)('output of zmx $version', ({ calls }) => {
  const lines = calls.flatMap(({ stdout }) => (stdout ?? '').split('\n'));
  const plain = lines.filter((line) => readPlainRow(line) !== undefined);

  it('is parsed row by row', () => {
    for (const line of plain) expect(parseSessionRows(line)).toEqual([readPlainRow(line)]);
    expect(new Set(plain.map((line) => readPlainRow(line)?.state))).toEqual(
      new Set(['running', 'ended', 'unreachable']),
    );
  });

  it('gives one session for each unusual row, and none for other lines', () => {
    // Rows with labels, or with a tab or line feed in a name or a directory; the output of --short and help; cut rows.
    for (const line of lines.filter((line) => !plain.includes(line))) {
      expect(parseSessionRows(line)).toHaveLength(/^(?: {2}|→ )/.test(line) ? 1 : 0);
    }
  });

  it('gives the same sessions through parseSessions', () => {
    for (const line of plain) {
      const { name, endedAt, exitCode, err } = readPlainRow(line)!;
      expect(parseSessions(line)).toEqual([{ name, endedAt, exitCode, ...(err !== undefined && { err }) }]);
    }
  });

  it('gives the same rows whether parsed as a whole or line by line', () => {
    for (const { stdout } of calls) {
      const text = stdout ?? '';
      const lines = text.split('\n').flatMap((line) => parseSessionRows(line));
      expect(parseSessionRows(text)).toEqual(lines);
      expect(parseSessionRows(text.replaceAll('\n', '\r\n'))).toEqual(lines);
      expect(parseSessionRows(text.trim())).toEqual(lines);
    }
  });
});

describe('parseSessionRows', () => {
  it('reads the marked row of the session that it runs in', () => {
    expect(parseSessionRows(recorded('0.7.0', 'list.with_ZMX_SESSION_matching'))).toContainEqual(
      expect.objectContaining({ name: 'slow', state: 'running', startDir: '/run/px/work' }),
    );
  });

  it('is not misled by labels that are named like columns', () => {
    expect(parseSessionRows(recorded('0.7.0', 'labels.list_shadowed'))).toContainEqual({
      name: 'l1',
      state: 'running',
      pid: 689,
      clients: 0,
      created: 1795374128,
      startDir: '/run/px/work',
      endedAt: '',
      exitCode: '',
      labels: { clients: '9', created: '1', ended: '5', exit_code: '0', pid: '1', project: 'px' },
    });
    const spoofed = '  name=a\tpid=1\tclients=0\tcreated=100\tstart_dir=/\tended=5\texit_code=0';
    expect(parseSessions(spoofed)).toEqual([{ name: 'a', endedAt: '', exitCode: '' }]);
    const after = '  name=a\tpid=1\tclients=0\tcreated=100\tended=200\texit_code=3\tended=100\texit_code=0';
    expect(parseSessions(after)).toEqual([{ name: 'a', endedAt: '200', exitCode: '3' }]);
  });

  it('keeps a tab in a session name, so that the name matches no other session', () => {
    const rows = parseSessionRows(recorded('0.7.0', 'names.list'));
    expect(rows.map((row) => row.name)).toContain('tab\tname');
    expect(parseSessions('  name=px\tended=9\texit_code=0\tpid=1\tclients=0\tcreated=1')).toEqual([
      { name: 'px\tended=9\texit_code=0', endedAt: '', exitCode: '' },
    ]);
  });

  it('reads the command of a session, and the directory under its name in zmx 0.8', () => {
    expect(
      parseSessionRows(
        "  name=a\tpid=1\tclients=0\tcreated=1\tcwd=/w\tcmd=sh -c 'x=1'\tended=2\texit_code=0",
      ),
    ).toMatchObject([{ state: 'ended', startDir: '/w', cmd: "sh -c 'x=1'", exitCode: '0' }]);
  });

  it('reports a session without an exit code as ended without a code', () => {
    expect(parseSessions('  name=a\tpid=1\tended=7')).toEqual([{ name: 'a', endedAt: '7', exitCode: '' }]);
    expect(parseSessions('  name=a\tpid=1\tended=7\texit_code=\u001b[2J0')).toEqual([
      { name: 'a', endedAt: '7', exitCode: '' },
    ]);
    expect(parseSessions('  name=a\tpid=1\tended=soon\texit_code=0')).toEqual([
      { name: 'a', endedAt: '', exitCode: '' },
    ]);
  });

  it.each([
    ['nothing', ''],
    ['blank lines', '\n\r\n  \n\t\n'],
    ['a header', 'NAME\tPID\tCLIENTS\n----'],
    ['the message of an empty list', 'no sessions found in /run/chandler/zmx'],
    ['a row without a name', '  pid=1\tclients=0\n  name=\tpid=1'],
    ['a greeting', 'Welcome! your name=joe'],
  ])('finds no session in %s', (_, text) => {
    expect(parseSessions(text)).toEqual([]);
  });

  it('survives any text', () => {
    const piece = fc.constantFrom(
      '  ',
      '→ ',
      'name=',
      'pid=1',
      'err=x',
      'ended=5',
      'exit_code=0',
      '\t',
      '\n',
      '\r',
      '=',
      '\0',
      '\u001b[2J',
      '__proto__=1',
    );
    const text = fc.array(fc.oneof(piece, fc.string({ unit: 'binary', maxLength: 8 })), { maxLength: 60 });
    fc.assert(
      fc.property(text, (pieces) => {
        for (const row of parseSessionRows(pieces.join(''))) {
          expect(row.name).not.toBe('');
          expect(row.endedAt === '').toBe(row.state !== 'ended');
          expect(row.exitCode).toMatch(/^\d*$/);
          expect(row.err === undefined).toBe(row.state !== 'unreachable');
        }
      }),
    );
  });

  it('reads back every row that zmx could write', () => {
    const word = fc.string({ unit: 'grapheme', maxLength: 12 }).map((s) => s.replaceAll(/[\t\r\n]/g, ''));
    const name = word.filter((s) => s !== '');
    const label = fc.tuple(fc.constantFrom('aa', 'clients', 'zz'), word);
    const row = fc.record({
      name,
      pid: fc.nat(),
      created: fc.integer({ min: 0, max: 1000 }),
      dir: fc.option(word, { nil: undefined }),
      cmd: fc.option(word, { nil: undefined }),
      end: fc.option(fc.record({ at: fc.integer({ min: 1000, max: 9999 }), code: fc.nat(255) }), {
        nil: undefined,
      }),
      labels: fc.uniqueArray(label, { selector: ([key]) => key }),
    });
    fc.assert(
      fc.property(fc.array(row), (rows) => {
        const text = rows
          .map((r) =>
            [
              `  name=${r.name}`,
              `pid=${r.pid}\tclients=0\tcreated=${r.created}`,
              ...(r.dir === undefined ? [] : [`start_dir=${r.dir}`]),
              ...(r.cmd === undefined ? [] : [`cmd=${r.cmd}`]),
              ...(r.end ? [`ended=${r.end.at}\texit_code=${r.end.code}`] : []),
              ...r.labels.map(([key, value]) => `${key}=${value}`),
            ].join('\t'),
          )
          .join('\n');
        expect(parseSessionRows(text)).toEqual(
          rows.map((r) => ({
            name: r.name,
            state: r.end ? 'ended' : 'running',
            pid: r.pid,
            clients: 0,
            created: r.created,
            ...(r.dir !== undefined && { startDir: r.dir }),
            ...(r.cmd !== undefined && { cmd: r.cmd }),
            endedAt: r.end ? String(r.end.at) : '',
            exitCode: r.end ? String(r.end.code) : '',
            labels: Object.fromEntries(r.labels),
          })),
        );
      }),
    );
  });

  it.each([
    ['rows', '  name=a\tpid=1\tclients=0\tcreated=1\tstart_dir=/\tended=2\texit_code=0\n'],
    ['blanks', ' '],
    ['tabs', '\t'],
    ['fields', 'x=y\t'],
    ['line feeds', '\n'],
  ])('parses 10 MB of %s in a few seconds', (_, unit) => {
    const text = `  name=a\tpid=1${unit.startsWith('\t') ? '' : '\n'}${unit.repeat(Math.ceil(1e7 / unit.length))}`;
    // CPU time, so that a busy machine does not fail the test.
    const begin = process.cpuUsage();
    expect(parseSessionRows(text).length).toBeGreaterThan(0);
    expect(process.cpuUsage(begin).user / 1e6).toBeLessThan(5);
  });
});
