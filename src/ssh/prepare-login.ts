import type { AgentAuthMethod, AuthHandlerMiddleware, ParsedKey, PublicKeyAuthMethod } from 'ssh2';
import type { ChandlerError } from '../domain/run/failure.ts';
import { addressOf } from '../domain/run/ids.ts';
import { listAgentKeyTypes } from './list-agent-key-types.ts';
import { failure, toFailure } from './ssh-failure.ts';
import type { ResolvedTarget } from './resolved-target.ts';

export interface Login {
  /** For ssh2's `authHandler`: offers the identity only, which saves a round trip. */
  readonly handler: AuthHandlerMiddleware;
  /** Notes an error of the agent, which matters only if the login fails. */
  readonly noteAgentError: (error: Error) => void;
  readonly refused: (error: Error) => Promise<ChandlerError>;
}

/** @throws ChandlerError identity-unavailable if the key cannot be used (passphrase, format, public half only) */
export async function prepareLogin(target: ResolvedTarget): Promise<Login> {
  const { auth, user } = target;
  const label = addressOf(target);
  const offer: PublicKeyAuthMethod | AgentAuthMethod =
    auth.kind === 'key'
      ? { type: 'publickey', username: user, key: await readKey(auth.privateKey, auth.source, label) }
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
      let certificate = auth.kind === 'key' ? auth.certificate : undefined;
      if (auth.kind === 'agent') {
        const agent = `agent ${auth.socket}`;
        if (agentError)
          return toFailure(Object.assign(agentError, { level: 'agent' }), {
            where: 'dial',
            label,
            doing: agent,
          });
        const types = await agentKeyTypes(auth.socket);
        const advice = 'Load the identity into it with ssh-add.';
        if (types?.length === 0)
          return failure('identity-unavailable', label, `the ${agent} holds no key`, advice, error);
        const type = types?.find((each) => each.includes('-cert-v'));
        certificate = type && `${type} in the ${agent}`;
      }
      if (certificate !== undefined) return refusedForCertificate(label, certificate, error);
      const identity = auth.kind === 'key' ? `the key ${auth.source}` : `any key of the agent ${auth.socket}`;
      const then = accepts.length > 0 ? ` (the host accepts: ${accepts.join(', ')})` : '';
      const doing = `the host ${partial ? 'requires more than' : 'did not accept'} ${identity}${then}`;
      return toFailure(error, { where: 'dial', label, doing });
    },
  };
}

async function readKey(privateKey: string, source: string, label: string): Promise<ParsedKey> {
  const { default: ssh2 } = await import('ssh2');
  const parsed: ParsedKey | ParsedKey[] | Error = ssh2.utils.parseKey(privateKey);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key instanceof Error) throw toFailure(key, { where: 'identity', label, doing: `identity ${source}` });
  if (!key?.isPrivateKey()) {
    const what = `identity ${source} is not a private key`;
    throw failure('identity-unavailable', label, what, 'Use the private key, not the .pub file.');
  }
  return key;
}

function refusedForCertificate(label: string, certificate: string, error: Error): ChandlerError {
  return failure(
    'auth-failed',
    label,
    `the host did not accept the key, and OpenSSH certificates (${certificate}) are not supported`,
    "Add the public key itself to target.user's authorized_keys on the host; a certificate of it is not used.",
    error,
  );
}

/** Returns undefined if the agent does not answer, because only the wording of a refusal depends on it. */
function agentKeyTypes(socket: string): Promise<string[] | undefined> {
  return listAgentKeyTypes(socket).catch(() => undefined);
}
