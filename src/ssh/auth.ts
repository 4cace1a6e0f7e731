import ssh2 from 'ssh2';
import type { AgentAuthMethod, AuthHandlerMiddleware, ParsedKey, PublicKeyAuthMethod } from 'ssh2';
import type { ChandlerError } from '../domain/failure.ts';
import { addressOf } from '../domain/ids.ts';
import { countAgentKeys } from './agent.ts';
import { failure, toFailure } from './errors.ts';
import type { ResolvedTarget } from './target.ts';

/** One login by public key: what ssh2 asks for, and what to say if the host refuses. */
export interface Login {
  /** For ssh2's `authHandler`: offers the identity once and nothing else, which saves a round trip. */
  readonly handler: AuthHandlerMiddleware;
  /** Notes an error of the agent; it counts only if the login fails in the end. */
  readonly noteAgentError: (error: Error) => void;
  /** The failure for a refused login. */
  readonly refused: (error: Error) => Promise<ChandlerError>;
}

/**
 * Prepares the login for a target.
 *
 * @throws ChandlerError identity-unavailable if the key cannot be used (passphrase, format, public half only).
 */
export function prepareLogin(target: ResolvedTarget): Login {
  const { auth, user } = target;
  const label = addressOf(target);
  const offer: PublicKeyAuthMethod | AgentAuthMethod =
    auth.kind === 'key'
      ? { type: 'publickey', username: user, key: readKey(auth.privateKey, auth.source, label) }
      : { type: 'agent', username: user, agent: auth.socket };
  let offered = false;
  let accepts: readonly string[] = [];
  let partial = false;
  let agentError: Error | undefined;

  return {
    handler: (methodsLeft: readonly string[] | null, partialSuccess: boolean | null) => {
      if (!offered) {
        offered = true;
        return offer;
      }
      accepts = methodsLeft ?? [];
      partial = partialSuccess === true;
      return false;
    },
    noteAgentError: (error) => (agentError = error),
    refused: async (error) => {
      if (auth.kind === 'agent') {
        if (agentError)
          return toFailure(Object.assign(agentError, { level: 'agent' }), {
            where: 'dial',
            label,
            doing: `agent ${auth.socket}`,
          });
        if (await holdsNoKey(auth.socket)) {
          return failure(
            'identity-unavailable',
            label,
            `the agent ${auth.socket} holds no key`,
            'Load the identity into it with ssh-add.',
            error,
          );
        }
      }
      const identity = auth.kind === 'key' ? `the key ${auth.source}` : `any key of the agent ${auth.socket}`;
      const then = accepts.length > 0 ? ` (the host accepts: ${accepts.join(', ')})` : '';
      const what = partial
        ? `the host wants more than ${identity}${then}`
        : `the host did not accept ${identity}${then}`;
      return toFailure(error, { where: 'dial', label, doing: what });
    },
  };
}

function readKey(privateKey: string, source: string, label: string): ParsedKey {
  const parsed: ParsedKey | ParsedKey[] | Error = ssh2.utils.parseKey(privateKey);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key instanceof Error) throw toFailure(key, { where: 'identity', label, doing: `identity ${source}` });
  if (!key?.isPrivateKey()) {
    throw failure(
      'identity-unavailable',
      label,
      `identity ${source} holds no private key`,
      'Give the private key, not its .pub half.',
    );
  }
  return key;
}

/** Of an agent that does not answer nobody knows. */
async function holdsNoKey(socket: string): Promise<boolean> {
  try {
    return (await countAgentKeys(socket)) === 0;
  } catch {
    return false;
  }
}
