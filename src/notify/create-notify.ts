import type { NotifyConfig } from '../config/config.ts';
import { ChandlerError, reasonOf } from '../domain/run/failure.ts';
import type { Notification, NotificationChannel } from '../domain/run/notification.ts';
import { runPage } from '../domain/run/run-url.ts';
import { definedOnly } from '../domain/defined-only.ts';
import { runHook } from './run-hook.ts';

/** The variables that the command inherits. The worker's other variables may hold keys and tokens. */
const PASSED_ON = /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_\w+|TZ|TMPDIR|SSL_CERT_FILE|SSL_CERT_DIR)$/;
/** Below the two minutes of the activity. */
const COMMAND_MS = 60_000;
const REQUEST_MS = 30_000;
/** The part of a webhook's error response that is reported, in characters. */
const MAX_RESPONSE_LENGTH = 500;

/** Delivers a notification once. @throws ChandlerError notification-failed */
export type Notify = (
  notification: Notification,
  channel: NotificationChannel,
  signal?: AbortSignal,
) => Promise<void>;

export function createNotify(
  { command, url, authorization }: NotifyConfig,
  uiUrl: string | undefined,
  env: NodeJS.ProcessEnv,
): Notify {
  return async (notification, channel, signal) => {
    const { namespace, workflowId } = notification;
    const page = uiUrl === undefined ? undefined : runPage(uiUrl, namespace, workflowId);
    const linked = definedOnly({ ...notification, url: page });
    if (channel === 'command' && command !== undefined) return runCommand(command, linked, env, signal);
    if (channel === 'url' && url !== undefined) return post(url, authorization, linked, signal);
    // Retryable, because another worker of this task queue may have the channel.
    throw new ChandlerError('notification-failed', `this worker is not configured to notify by ${channel}`);
  };
}

async function post(
  url: string,
  authorization: string | undefined,
  notification: Notification,
  signal?: AbortSignal,
): Promise<void> {
  // The rest of the URL may hold a token.
  const where = new URL(url).host;
  const answer = await fetch(url, {
    method: 'POST',
    headers: definedOnly({
      'content-type': 'application/json',
      'idempotency-key': notification.id,
      authorization,
    }),
    body: JSON.stringify(notification),
    // A redirected POST becomes a GET, which delivers nothing.
    redirect: 'manual',
    signal: AbortSignal.any([AbortSignal.timeout(REQUEST_MS), ...(signal ? [signal] : [])]),
  }).catch((cause: unknown) => {
    throw new ChandlerError('notification-failed', `the webhook at ${where}: ${reasonOf(cause)}`, { cause });
  });
  // The response may never end.
  const reader = answer.body?.getReader();
  const { value } = answer.ok ? {} : ((await reader?.read().catch(() => undefined)) ?? {});
  await reader?.cancel().catch(() => undefined);
  const response = Buffer.from(value ?? [])
    .toString('utf8')
    .slice(0, MAX_RESPONSE_LENGTH);
  const problem = `the webhook at ${where} answered ${answer.status}: ${response}`;
  if (!answer.ok) throw new ChandlerError('notification-failed', problem);
}

async function runCommand(
  command: string,
  notification: Notification,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<void> {
  const inherited = Object.entries(env).filter(([name]) => PASSED_ON.test(name));
  const options = {
    input: JSON.stringify(notification),
    env: {
      ...Object.fromEntries(inherited),
      CHANDLER_EVENT: notification.event,
      CHANDLER_HOST: notification.host,
      CHANDLER_STEP: notification.step ?? '',
      CHANDLER_TEXT: notification.text,
      CHANDLER_WORKFLOW_ID: notification.workflowId,
    },
    limitMs: COMMAND_MS,
    signal,
  };
  await runHook(command, options).catch((cause: unknown) => {
    throw new ChandlerError('notification-failed', `the notification command ${reasonOf(cause)}`, { cause });
  });
}
