import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { NotifyConfig } from '../config/config.ts';
import { ChandlerError, reasonOf } from '../domain/failure.ts';
import type { Notification, NotificationChannel } from '../domain/notification.ts';
import { runPage } from '../domain/run-url.ts';

/** What the worker itself shows to others, and a command has no use for. */
const KEPT_BACK = ['CHANDLER_NOTIFY_AUTHORIZATION', 'TEMPORAL_API_KEY'];
/** How long one try may take. The engine allows two minutes. */
const COMMAND_MS = 60_000;
const REQUEST_MS = 30_000;
/** Of what a hook says when it fails. Characters. */
const MAX_SAID_LENGTH = 500;

/** Tells people of something, once. @throws ChandlerError notification-failed */
export type Notify = (notification: Notification, channel: NotificationChannel) => Promise<void>;

/** The way a worker is set up to tell people; nothing if it is not. `env` is what the command gets, but for secrets. */
export function createNotify(
  { command, url, authorization, secretsPrefix }: NotifyConfig,
  uiUrl: string | undefined,
  env: NodeJS.ProcessEnv,
): Notify {
  return async (notification, channel) => {
    const { namespace, workflowId } = notification;
    const whole = {
      ...notification,
      ...(uiUrl !== undefined && { url: runPage(uiUrl, namespace, workflowId) }),
    };
    if (channel === 'command' && command !== undefined) {
      const kept = Object.entries(env).filter(
        ([name]) => !name.startsWith(secretsPrefix) && !KEPT_BACK.includes(name),
      );
      return runCommand(command, whole, Object.fromEntries(kept));
    }
    if (channel === 'url' && url !== undefined) return post(url, authorization, whole);
    // Of several workers on one queue another may know how.
    throw new ChandlerError('notification-failed', `this worker is not set up to tell people by ${channel}`);
  };
}

async function post(
  url: string,
  authorization: string | undefined,
  notification: Notification,
): Promise<void> {
  // An address may hold a token: of what went wrong only the host is told.
  const where = new URL(url).host;
  const answer = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'idempotency-key': notification.id,
      ...(authorization !== undefined && { authorization }),
    },
    body: JSON.stringify(notification),
    // A redirected POST becomes a GET, and nobody is told.
    redirect: 'manual',
    signal: AbortSignal.timeout(REQUEST_MS),
  }).catch((cause: unknown) => {
    throw new ChandlerError('notification-failed', `the webhook at ${where}: ${reasonOf(cause)}`, { cause });
  });
  // Of an answer without end the beginning says enough.
  const reader = answer.body?.getReader();
  const { value } = answer.ok ? {} : ((await reader?.read().catch(() => undefined)) ?? {});
  await reader?.cancel().catch(() => undefined);
  const said = Buffer.from(value ?? []).toString('utf8');
  if (!answer.ok)
    throw new ChandlerError(
      'notification-failed',
      `the webhook at ${where} answered ${answer.status}: ${said.slice(0, MAX_SAID_LENGTH)}`,
    );
}

/** Runs the command in a process group of its own, so that nothing of it is left when its time is over. */
function runCommand(command: string, notification: Notification, env: NodeJS.ProcessEnv): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', command], {
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe'],
      env: {
        ...env,
        CHANDLER_EVENT: notification.event,
        CHANDLER_HOST: notification.host,
        CHANDLER_STEP: notification.step ?? '',
        CHANDLER_TEXT: notification.text,
        CHANDLER_WORKFLOW_ID: notification.workflowId,
      },
    });
    let said = '';
    const fail = (why: string, cause?: Error) =>
      reject(new ChandlerError('notification-failed', `the notification command ${why}`, { cause }));
    const timer = setTimeout(() => {
      fail(`took longer than ${COMMAND_MS / 1000} s${endGroup(child)}`);
    }, COMMAND_MS);
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (said.length < MAX_SAID_LENGTH) said += text.slice(0, MAX_SAID_LENGTH);
    });
    // A command that does not read what it is told is no fault.
    child.stdin.on('error', () => undefined);
    child.stdin.end(JSON.stringify(notification));
    child.once('error', (error) => {
      clearTimeout(timer);
      fail(`cannot be run: ${error.message}`, error);
    });
    // What it has left in the background may hold its output open for as long as it likes.
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      child.stderr.destroy();
      if (code === 0) resolve();
      else fail(`ended with ${signal ?? `exit ${code}`}: ${said.trim()}`);
    });
  });
}

/** Tells why it could not be ended: one that has become another user's (sudo) is not ours to end. */
function endGroup({ pid, stderr }: ChildProcessByStdio<Writable, null, Readable>): string {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    return '';
  } catch (error) {
    return `, and could not be ended: ${reasonOf(error)}`;
  } finally {
    stderr.destroy();
  }
}
