import { describe, expect, test } from 'vitest';
import type { RunStatus } from '../../../../src/domain/run/status.ts';
import { plain } from '../../../../src/cli/output/paint.ts';
import { renderRuns } from '../../../../src/cli/output/render-runs.ts';
import { renderTable } from '../../../../src/cli/output/render-table.ts';
import { widthOf } from '../../../../src/cli/output/text.ts';
import type { State } from '../../../../src/cli/live/screen/model.ts';
import { render } from '../../../../src/cli/live/screen/render-screen.ts';
import { update } from '../../../../src/cli/live/screen/update.ts';
import { makeStatus } from '../../make-status.ts';
import { listed, makeInfo, makeState, press, told } from '../make-state.ts';

const ID = 'provision:web1.example.org:22';
const VARIABLE = 'CHANDLER_SECRET_SITE_API_TOKEN';
const message = `root@web1.example.org:22: the worker has no variable ${VARIABLE}`;
const advice =
  'Put the secret where the worker may read it (CHANDLER_SECRETS_DIR or CHANDLER_SECRET_ variables). Then retry or skip the step.';
const failure = { code: 'secret-unavailable', message, advice } as const;
const missing = { name: 'configure-site', attempt: 1, startedAtMs: 1000, endedAtMs: 1200, failure };

/** A step that failed before its launch. */
function statusWith(changes: Partial<RunStatus> = {}): RunStatus {
  const steps: RunStatus['steps'] = [
    { ...missing, state: 'parked' },
    { name: 'slow', state: 'running', attempt: 1, startedAtMs: 1000 },
    { name: 'site', state: 'pending', attempt: 0, finalizer: { state: 'pending', attempt: 0 } },
  ];
  return makeStatus({ steps, ...changes });
}

/** What can be read, whatever row it stands in. No row is wider than the terminal. */
function textOf(lines: readonly string[], columns: number): string {
  for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns);
  return lines.join(' ').replaceAll(/\s+/g, ' ');
}

function screen(columns: number, status = statusWith(), options: Partial<State> = {}): State {
  const size = { columns, rows: 24 };
  return makeState([listed(makeInfo(ID)), told(ID, status)], { single: true, view: 'run', size, ...options });
}

describe.each([80, 60, 40])('C5: in a terminal of %i columns', (columns) => {
  const options = { columns, maxRows: 20, nowMs: 12_000, paint: plain };

  test('a run shows the whole message of a step that failed before its launch, with its advice', () => {
    const text = textOf(render(screen(columns), plain), columns);
    expect(text).toContain(message);
    expect(text).toContain(advice);
    expect(text).toContain(ID);
  });

  test('a run that no worker can continue shows why, and the whole command that resets it', () => {
    const failedTask = { reason: 'invalid transition', reset: 'temporal workflow reset --event-id 4' };
    const state = makeState([listed(makeInfo(ID, { failedTask })), { kind: 'silent', run: ID }], {
      single: true,
      view: 'run',
      size: { columns, rows: 24 },
    });
    const text = textOf(render(state, plain), columns);
    expect(text).toContain('? no worker answers for this run');
    expect(text).toContain('its workflow task fails: invalid transition');
    expect(text).toContain('with: temporal workflow reset --event-id 4');
  });

  test('a step that failed for good, a finalizer that is tried again, and a failed run show theirs, too', () => {
    const failed = statusWith({ attention: false, steps: [{ ...missing, state: 'failed' }] });
    expect(textOf(render(screen(columns, failed), plain), columns)).toContain(message);
    const finalizer = { ...missing, state: 'retrying' as const };
    const retrying = statusWith({ steps: [{ name: 's', state: 'succeeded', attempt: 1, finalizer }] });
    const shown = press(screen(columns, retrying), '[down]').state;
    expect(textOf(render(shown, plain), columns)).toContain(message);
    const over = statusWith({ phase: 'failed', endedAtMs: 9000 });
    const result = { outcome: 'failed', failure } as const;
    const ended = update(screen(columns, over), { kind: 'result', run: ID, result }).state;
    expect(textOf(render(ended, plain), columns)).toContain(`(secret-unavailable): ${message} ${advice}`);
  });

  test('the advice stays in sight, however many steps there are', () => {
    const [first] = statusWith().steps;
    const more = Array.from({ length: 60 }, (_, i) => ({
      name: `step-${i}`,
      state: 'running' as const,
      attempt: 1,
      startedAtMs: 1000,
    }));
    const text = textOf(render(screen(columns, statusWith({ steps: [first!, ...more] })), plain), columns);
    expect(text).toContain(message);
    expect(text).toContain(advice);
  });

  test('a list shows the whole id and note of the run under the cursor', () => {
    const state = screen(columns, statusWith(), { single: false, view: 'list' });
    const text = textOf(render(state, plain), columns);
    expect(text).toContain(`> ${ID}`);
    expect(text).toContain(`configure-site: ${message}`);
  });

  test('the tables of up and status show whole messages', () => {
    for (const maxRows of [20, Infinity])
      expect(textOf(renderTable(statusWith(), [], { ...options, maxRows }), columns)).toContain(message);
    const infos = [makeInfo(ID, { attention: true }), makeInfo('x', { plan: '日本語のプラン'.repeat(5) })];
    const list = textOf(renderRuns(infos, 60_000, columns), columns);
    expect(list).toContain(ID);
    expect(list).toContain('needs attention');
    expect(list.replaceAll(' ', '')).toContain('日本語のプラン'.repeat(5));
  });

  test('a question is shown whole, with the reason', () => {
    const keys = 'sthe token is made by hand on this host[enter]';
    const text = textOf(render(press(screen(columns), keys).state, plain), columns);
    expect(text).toContain(
      `[y/n] skip configure-site of ${ID}, because: the token is made by hand on this host?`,
    );
  });

  test('wide characters take two columns, and none is lost', () => {
    const wide = '秘密がありません'.repeat(6);
    const steps = [
      { ...missing, name: '設定', state: 'parked' as const, failure: { ...failure, message: wide } },
    ];
    const text = textOf(render(screen(columns, statusWith({ steps })), plain), columns);
    expect(text.replaceAll(' ', '')).toContain(wide);
  });

  test('what a run continued, what it waits for, and that its host cannot be reached are shown whole', () => {
    const note =
      'continues what was left running: step packages (attempt 1), 3 processes of provision:web1:22';
    const trouble = {
      code: 'host-unreachable',
      message: 'connection refused by 10.0.0.7',
      advice,
      sinceMs: 1000,
    } as const;
    const status = statusWith({
      notes: [note],
      trouble,
      waitingFor: '/root/.ssh-provisioned',
      waitingUntilMs: 869_000,
    });
    const live = textOf(render(screen(columns, { ...status, steps: status.steps.slice(1) }), plain), columns);
    const table = textOf(renderTable(status, [], options), columns);
    for (const text of [live, table]) {
      expect(text).toContain(note);
      expect(text).toMatch(/cannot be reached since \d\d:\d\d:\d\d: connection refused by 10\.0\.0\.7/);
      expect(text).toContain('waiting for /root/.ssh-provisioned, 14 min left');
    }
    expect(live).toContain('14 min left');
  });
});

test('the output of a step is cut in views that are redrawn, and whole where it is printed once', () => {
  const lastLine = 'Unpacking libc6 (2.36-9+deb12u7) over (2.36-9+deb12u4) ...';
  const progress = [{ step: 'slow', finalizer: false, attempt: 1, lastLine }];
  const lines = (maxRows: number) =>
    renderTable(statusWith(), progress, { columns: 60, maxRows, nowMs: 12_000, paint: plain });
  expect(lines(20)).toContain('    Unpacking libc6 (2.36-9+deb12u7) over (2.36-9+deb12u4) …');
  expect(textOf(lines(Infinity), 60)).toContain(lastLine);
});
