import { createConnection } from 'node:net';

const ANSWER_MS = 5000;
const MAX_ANSWER_BYTES = 1024 * 1024;
/** SSH_AGENTC_REQUEST_IDENTITIES and SSH_AGENT_IDENTITIES_ANSWER of draft-miller-ssh-agent. */
const REQUEST = Buffer.from([0, 0, 0, 1, 11]);
const ANSWER = 12;

/** Lists the key types of an ssh-agent, also of certificates, which ssh2 leaves out. @throws Error for no answer within 5 s */
export function listAgentKeyTypes(socket: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const connection = createConnection(socket);
    const silence = new Error(`no answer within ${ANSWER_MS / 1000} s`);
    const timer = setTimeout(() => connection.destroy(silence), ANSWER_MS);
    let answer = Buffer.alloc(0);
    connection.on('data', (chunk) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length < 4 || answer.length < 4 + answer.readUInt32BE(0)) {
        if (answer.length > MAX_ANSWER_BYTES) connection.destroy(new Error('its answer is too long'));
        return;
      }
      try {
        resolve(readKeyTypes(answer.subarray(4)));
      } catch (error) {
        reject(new Error('it does not list its keys', { cause: error }));
      }
      connection.destroy();
    });
    connection.once('error', reject);
    connection.once('close', () => {
      clearTimeout(timer);
      reject(new Error('it closed the connection'));
    });
    connection.write(REQUEST);
  });
}

/** @throws Error for an answer that is not a list of keys */
function readKeyTypes(answer: Buffer): string[] {
  let at = 5;
  const next = (): Buffer => {
    const begin = at + 4;
    at = begin + answer.readUInt32BE(at);
    if (at > answer.length) throw new RangeError('cut short');
    return answer.subarray(begin, at);
  };
  if (answer[0] !== ANSWER) throw new TypeError('not a list of keys');
  const types: string[] = [];
  for (let left = answer.readUInt32BE(1); left > 0; left -= 1) {
    const key = next();
    types.push(key.toString('latin1', 4, 4 + key.readUInt32BE(0)));
    next();
  }
  return types;
}
