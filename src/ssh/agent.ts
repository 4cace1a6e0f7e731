import ssh2 from 'ssh2';

const ANSWER_MS = 5000;

/** How many keys an ssh-agent holds. @throws Error if it does not answer within 5 s */
export function countAgentKeys(socket: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_MS / 1000} s`)), ANSWER_MS);
    ssh2.createAgent(socket).getIdentities((error, keys) => {
      clearTimeout(timer);
      if (error) reject(error);
      else resolve(keys?.length ?? 0);
    });
  });
}
