/**
 * Checks in a real browser how operators see and control runs in the Temporal UI. With CHANDLER_SCREENSHOTS=DIR it also
 * takes the screenshots of the README (`npm run screenshots`).
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DevServer } from '../../src/dev/temporal/index.ts';
import { RunPausedError } from '../../src/client.ts';
import { block, code, left, prose, right, table } from '../../src/domain/text/markdown.ts';
import type { RunStatus } from '../../src/domain/run/status.ts';
import { startBrowser, TemporalUi } from '../support/browser.ts';
import { poll } from '../support/poll.ts';
import { startStack, type Stack } from '../support/stack.ts';
import { startTestServer } from '../support/temporal.ts';

const ID = 'provision:web1';
/** One step that ends soon, one that fails at first, and one that runs until the failed one has succeeded. */
const plan = {
  name: 'web',
  zmx: { source: 'tmux' as const },
  steps: [
    { name: 'packages', script: 'for name in curl nginx; do echo "unpacking $name"; done' },
    {
      name: 'network',
      script: `echo 'asking for a lease'
if [ "$CHANDLER_ATTEMPT" -eq 1 ]; then echo 'no answer from 10.0.0.1: is the cable in?' >&2; exit 3; fi
touch /run/lease`,
    },
    {
      name: 'site',
      script: `echo 'fetching index.html'; until test -e /run/lease; do sleep 0.1; done`,
      finalize: 'echo checked',
    },
  ],
};

describe('in the Temporal UI', () => {
  let server: DevServer;
  let stack: Stack;
  let ui: TemporalUi;
  let stopBrowser: () => Promise<void>;
  let address: string;

  beforeAll(async () => {
    server = await startTestServer();
    const { page, stop } = await startBrowser();
    ui = new TemporalUi(page, server.uiUrl);
    stopBrowser = stop;
    stack = await startStack({ address: server.address });
    address = `root@${stack.host.host}:${stack.host.port}`;
    await stack.start(
      { name: 'base', zmx: plan.zmx, steps: [{ name: 'user', script: 'true' }] },
      'provision:base1',
    );
    await stack.until('provision:base1', ({ phase }) => phase === 'provisioned', 'the first run is done');
    const target = stack.target({ identity: 'id_of_nobody' });
    await stack.start({ ...plan, target }, 'provision:web2');
    await stack.start(plan, ID);
    await stack.until(
      ID,
      ({ attention, steps }) => attention && steps[2]?.state === 'running',
      'a step is parked',
    );
    await stack.client.readLog(ID, 'network');
  });
  afterAll(async () => {
    await stopBrowser?.();
    await stack?.stop();
    await server?.stop();
  });

  /** Takes a screenshot of a part of the page, by default without the menu on the left. */
  const picture = async (name: string, clip: { x?: number; y?: number; width?: number; height: number }) => {
    const dir = process.env['CHANDLER_SCREENSHOTS'];
    if (dir === undefined) return;
    // The UI animates its layout.
    await ui.page.waitForTimeout(1000);
    const place = { x: 256, y: 56, width: 1024, ...clip };
    await ui.page.screenshot({ path: join(dir, `ui-${name}.png`), clip: place });
  };
  const shown = async (which: 'summary' | 'details' | 'current', text: string) => {
    const main = ui.metadata(which).locator('main');
    await main.getByText(text).first().waitFor();
    // Cells use non-breaking spaces.
    return (await main.innerText()).replaceAll('\u00a0', ' ');
  };

  it("the list has filters and columns for Chandler's search attributes", async () => {
    await ui.search("WorkflowType = 'readStepLog'", 1);
    expect((await ui.search("WorkflowType = 'provision'", 3)).toSorted()).toEqual([
      'provision:base1',
      ID,
      'provision:web2',
    ]);
    await ui.changeColumns({
      remove: ['Run ID', 'Type', 'Start', 'End'],
      add: ['ChandlerPlan', 'ChandlerPhase', 'ChandlerAttention', 'ChandlerHost'],
    });
    const row = ui.page.getByRole('row').filter({ hasText: ID });
    await row.getByText(address).waitFor();
    expect((await row.innerText()).split(/\s+/)).toEqual(
      expect.arrayContaining(['RUNNING', ID, 'web', 'steps', 'TRUE', address]),
    );
    await picture('list', { height: 380 });
    expect(await ui.search('ChandlerAttention = true', 1)).toEqual([ID]);
  });

  it('a run has a summary for each activity and timer, and readable heartbeats', async () => {
    await ui.open(ID);
    await ui.page.getByText('network · parked: retryStep, skipStep or abort').first().waitFor();
    await ui.page.getByText('waitStep • site · wait').first().waitFor();
    await ui.tab('pending-activities');
    await ui.page.getByText('fetching index.html').first().waitFor();
    const beat =
      /\{\s*"step": "site",\s*"kind": "step",\s*"attempt": 1,\s*"elapsedS": \d+,\s*"logBytes": \d+,\s*"lastLine": "fetching index.html"\s*\}/;
    expect(await ui.page.locator('main').innerText()).toMatch(beat);
    const { events } = await stack.client.temporal.workflow.getHandle(ID).fetchHistory();
    const silent = (events ?? []).filter(
      ({
        activityTaskScheduledEventAttributes: activity,
        timerStartedEventAttributes: timer,
        markerRecordedEventAttributes: local,
        userMetadata,
      }) => (activity ?? timer ?? local) && !userMetadata?.summary,
    );
    expect(silent).toEqual([]);
  });

  const press = async (name: string) => {
    await ui.page.getByRole('button', { name, exact: true }).first().click();
    await ui.confirm();
  };

  it('C12: a step runs on when its activity is reset in the UI', async () => {
    await press('Reset');
    await poll(async () => {
      const { events } = await stack.client.temporal.workflow.getHandle(ID).fetchHistory();
      return JSON.stringify(events).includes('ActivityReset');
    }, 'the activity was reset');
    const { steps } = await stack.client.status(ID);
    expect(steps[2]).toMatchObject({ name: 'site', state: 'running', attempt: 1 });
    expect(steps[2]).not.toHaveProperty('trouble');
    await ui.page.reload();
  });

  it('C12: a pause from the UI appears in the status with the command that ends it, and can be ended in the UI', async () => {
    const pauseOf = async () => {
      const status = await stack.client.status(ID).catch((error: unknown) => error);
      if (status instanceof RunPausedError) return status.pause.unpause;
      return (status as RunStatus).steps.find(({ name }) => name === 'site')?.serverPause?.unpause;
    };
    for (const [what, words] of [
      ['', 'temporal activity unpause'],
      [' Workflow', 'temporal workflow unpause'],
    ] as const) {
      await press(`Pause${what}`);
      await poll(async () => (await pauseOf())?.startsWith(`${words} --workflow-id ${ID} `) ?? false, words);
      // The page refreshes only every ten seconds.
      await ui.page.reload();
      await press(`Unpause${what}`);
      await expect.poll(pauseOf, { message: `no longer: ${words}` }).toBeUndefined();
      expect((await stack.client.status(ID)).phase).toBe('steps');
      await ui.page.reload();
    }
  });

  it('a parked run shows what happened, how to attach, and actions to copy', async () => {
    await ui.tab('user-metadata');
    expect(await shown('summary', 'provision')).toContain(`provision ${address}: web, 3 steps`);
    const details = await shown('details', 'Provisions');
    for (const text of [`chandler retry ${ID} NAME`, 'site has a finalizer', 'retryStep {"step":"NAME"}'])
      expect(details).toContain(text);
    const current = await shown('current', 'needs attention');
    expect(current).toMatch(/^\s*⚠ steps · web · root@127\.0\.0\.1:\d+ · started \d\d:\d\d:\d\d UTC/);
    expect(current).toContain(`network on ${address}: exit 3`);
    expect(current).toContain('asking for a lease\nno answer from 10.0.0.1: is the cable in?');
    expect(current).toMatch(
      /Look around with: ssh -t -p \d+ root@127\.0\.0\.1 '.* env ZMX_DIR=\S+ \S+ attach network .*'/,
    );
    expect(current).toContain('retryStep {"step":"network"} runs it again');
    expect(current).toMatch(
      /packages\s+✔ succeeded\s+1\s+[\d.]+ s\s+0?\s*network\s+⚠ parked\s+1\s+[\d.]+ s\s+3\s*site\s+▶ running\s+1\s+since \d\d:\d\d:\d\d\s*site \(finalizer\)\s+· pending/,
    );
    await picture('parked', { y: 270, height: 900 });
    await ui.tab('history');
    await ui.page.getByText(`network on ${address}: exit 3. Look around with: \`ssh -t `).first().waitFor();
  });

  it('a signal from the UI retries the step, and the run continues to its end', async () => {
    await ui.tab('timeline');
    const submit = await ui.fillSignal('retryStep', '{"step":"network"}');
    await picture('signal', (await ui.page.locator('dialog[open]').boundingBox())!);
    await submit.click();
    await stack.until(ID, ({ phase }) => phase === 'provisioned', 'the run is done');
    // The page refreshes only every ten seconds.
    await ui.page.reload();
    await ui.page.getByText('COMPLETED').first().waitFor();
    await ui.page.getByText('"outcome": "provisioned"').first().waitFor();
    await ui.tab('user-metadata');
    const current = await shown('current', 'provisioned');
    expect(current).toMatch(
      /^\s*✔ provisioned · web · root@127\.0\.0\.1:\d+ · started \d\d:\d\d:\d\d UTC, took/,
    );
    expect(current).toContain('Sentinel: /var/lib/chandler/provisioned');
    expect(current).toMatch(/network\s+✔ succeeded\s+2\s/);
    expect(current).toMatch(/site \(finalizer\)\s+✔ succeeded\s+1\s/);
    expect(current).toMatch(/Audit trail[\s\S]*\d\d:\d\d:\d\d\s+retryStep network/);
    expect(current).not.toContain('needs attention');
    await picture('done', { y: 270, height: 620 });
    expect(await ui.search("ChandlerPhase = 'provisioned'", 2)).toContain(ID);
  });

  it('C12: a run that is reset, cancelled or terminated in the UI is shown as such', async () => {
    const open = async (id: string) => {
      const steps = [{ name: 'waits', script: 'echo begun >>/root/begun; exec sleep 600' }];
      await stack.start({ name: id, zmx: plan.zmx, steps, sentinel: { whenPresent: 'ignore' } }, id);
      await stack.until(id, ({ steps: [step] }) => step?.state === 'running', 'its step runs');
      await ui.search(`WorkflowId = '${id}'`, 1);
      await ui.open(id);
    };
    await open('reset-run');
    const handle = stack.client.temporal.workflow.getHandle('reset-run');
    const { runId } = await handle.describe();
    await ui.choose('Reset');
    const dialog = ui.page.locator('dialog[open]');
    await dialog.getByTestId('workflow-reset-event-id-select-button').click();
    await dialog.getByRole('option').last().click();
    await ui.confirm();
    await poll(async () => (await handle.describe()).runId !== runId, 'it continues in another execution');
    await stack.until('reset-run', ({ steps: [step] }) => step?.state === 'running', 'it waits again');
    await ui.search("WorkflowId = 'reset-run' AND ExecutionStatus = 'Running'", 1);
    await ui.open('reset-run');
    await ui.choose('Request Cancellation');
    await ui.confirm();
    expect(await stack.client.result('reset-run')).toMatchObject({ outcome: 'aborted' });
    expect(await stack.onHost('cat /root/begun; pgrep -fx "sleep 600" || echo none')).toBe('begun\nnone\n');
    await ui.page.reload();
    await ui.tab('user-metadata');
    expect(await shown('current', 'aborted')).toContain('cancelled');

    await open('terminated-run');
    await ui.choose('Terminate');
    await dialog.getByRole('textbox').fill('tried in the UI');
    await ui.confirm();
    const result = await stack.client.result('terminated-run');
    expect(JSON.stringify(result)).toContain('terminated: tried in the UI');
    expect(await stack.onHost('pgrep -fx "sleep 600" >/dev/null && echo runs')).toBe('runs\n');
  });

  it('a failed run shows its host, the reason, and what to do', async () => {
    expect(await ui.search("ChandlerPhase = 'failed'", 1)).toEqual(['provision:web2']);
    await ui.open('provision:web2');
    await ui.tab('user-metadata');
    const current = await shown('current', 'failed');
    expect(current).toMatch(/^\s*✘ failed · web · /);
    expect(current).toContain('identity-unavailable: target.identity: id_of_nobody: ');
    expect(current).toContain('Put the identity where the worker may read it');
  });

  it('untrusted text is shown literally', async () => {
    const evils = [
      'plain · text, 10.0.0.1:22 — µ ✔',
      '<script>document.title=1</script><img src=x onerror=alert(1)>',
      '[a](javascript:alert(1)) ![b](http://evil.example/x.png) <http://evil.example> mailto:a@evil.example',
      'http://evil.example/x?a=1&b=2 &lt;b&gt; &amp; --flag a--b **b** __u__ ~~s~~ `c` ``d`` $x$ $$y$$ ^[z] \\ \\| |',
      '# heading ``',
      '- item > quote ``` ~~~ | cell | {#id}',
      '1. item ``',
      '--- ``',
      '{.class} ``',
    ];
    const columns = [...left('a'), ...right('b')];
    // One page: the UI takes a second of CPU time to load.
    const markdown = evils.flatMap((evil) => [
      `**x** ${prose(evil)}`,
      code(evil),
      block([evil, evil]),
      ...table(columns, [[prose(evil), prose(evil)]]),
    ]);
    await ui.page.goto(`${server.uiUrl}/render?content=${encodeURIComponent(markdown.join('\n\n'))}`);
    const main = ui.page.locator('main');
    await main
      .locator('table')
      .nth(evils.length - 1)
      .waitFor();
    expect(await main.locator('p').allInnerTexts()).toEqual(evils.flatMap((evil) => [`x ${evil}`, evil]));
    expect(await main.locator('p > code').allInnerTexts()).toEqual(
      evils.filter((evil) => !evil.includes('``')),
    );
    expect(await main.locator('pre').allInnerTexts()).toEqual(evils.map((evil) => `${evil}\n${evil}\n`));
    expect(await main.locator('td').allInnerTexts()).toEqual(
      evils.flatMap((evil) => [evil, `\u00a0\u00a0${evil}`]),
    );
    expect(await main.locator('a, img, script, em, del, span').count()).toBe(0);
    expect(await ui.page.title()).not.toBe('1');
  });
});
