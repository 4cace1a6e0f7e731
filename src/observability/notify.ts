import type { NotifyConfig } from '../config/config.ts';
import { ChandlerError, reasonOf } from '../domain/failure.ts';
import type { Notification, NotificationChannel } from '../domain/notification.ts';
import { runPage } from '../domain/run-url.ts';
import { runHook } from './hook.ts';

/** What the worker itself shows to others, and a command has no use for. */
const KEPT_BACK = ['CHANDLER_NOTIFY_AUTHORIZATION', 'TEMPORAL_API_KEY'];
/** How long one try may take. The engine allows two minutes. */
const COMMAND_MS = 60_000;
const REQUEST_MS = 30_000;
/** Of what a webhook answers when it fails. Characters. */
const MAX_SAID_LENGTH = 500;

/** Tells people of something, once; the signal ends it early. @throws ChandlerError notification-failed */
export type Notify = (
  notification: Notification,
  channel: NotificationChannel,
  signal?: AbortSignal,
) => Promise<void>;

/** The way a worker is set up to tell people; nothing if it is not. `env` is what the command gets, but for secrets. */
export function createNotify(
  { command, url, authorization, secretsPrefix }: NotifyConfig,
  uiUrl: string | undefined,
  env: NodeJS.ProcessEnv,
): Notify {
  return async (notification, channel, signal) => {
    const { namespace, workflowId } = notification;
    const whole = {
      ...notification,
      ...(uiUrl !== undefined && { url: runPage(uiUrl, namespace, workflowId) }),
    };
    if (channel === 'command' && command !== undefined) {
      const kept = Object.entries(env).filter(
        ([name]) => !name.startsWith(secretsPrefix) && !KEPT_BACK.includes(name),
      );
      return tellCommand(command, whole, Object.fromEntries(kept), signal);
    }
    if (channel === 'url' && url !== undefined) return post(url, authorization, whole, signal);
    // Of several workers on one queue another may know how.
    throw new ChandlerError('notification-failed', `this worker is not set up to tell people by ${channel}`);
  };
}

async function post(
  url: string,
  authorization: string | undefined,
  notification: Notification,
  signal?: AbortSignal,
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
    signal: AbortSignal.any([AbortSignal.timeout(REQUEST_MS), ...(signal ? [signal] : [])]),
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

async function tellCommand(
  command: string,
  notification: Notification,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<void> {
  const order = {
    input: JSON.stringify(notification),
    env: {
      ...env,
      CHANDLER_EVENT: notification.event,
      CHANDLER_HOST: notification.host,
      CHANDLER_STEP: notification.step ?? '',
      CHANDLER_TEXT: notification.text,
      CHANDLER_WORKFLOW_ID: notification.workflowId,
    },
    limitMs: COMMAND_MS,
    signal,
  };
  await runHook(command, order).catch((cause: unknown) => {
    throw new ChandlerError('notification-failed', `the notification command ${reasonOf(cause)}`, { cause });
  });
}
