// A process that stands in for any number of hosts, for `npm run bench:waiting`: one SSH server on every loopback address. It
// answers the host program's subcommands as a host does on which one launch runs for ever.
import { createHash } from 'node:crypto';
import ssh2, { type Connection } from 'ssh2';

/** When `follow.sh` first reports progress. */
const FIRST_PROGRESS_MS = 300;
const LAST_LINE = Buffer.from('still at work').toString('base64');

let waits = 0;
// Of the ed25519 keys that ssh2 makes, one in 256 is malformed.
const key = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 });
const server = new ssh2.Server({ hostKeys: [key.private] }, serve);
server.listen(0, '0.0.0.0', () => {
  const blob = Buffer.from(key.public.split(' ')[1] ?? '', 'base64');
  const hostKey = `SHA256:${createHash('sha256').update(blob).digest('base64').replaceAll('=', '')}`;
  process.send?.({ port: (server.address() as { port: number }).port, hostKey });
});
process.on('message', () => process.send?.({ waits }));
process.on('disconnect', () => process.exit());

function serve(connection: Connection): void {
  connection.on('error', () => undefined);
  connection.on('authentication', (login) => login.accept());
  connection.on('ready', () => {
    connection.on('session', (accept) => {
      accept().on('exec', (acceptExec, _, { command }) => {
        const channel = acceptExec();
        channel.resume();
        // sh PROGRAM TOKEN STATE_DIR SUBCOMMAND ARGUMENT...; a wait: ID BOUND_S EVERY_S TURNS
        const [, , token = '', , subcommand, , , everyS] = command.replaceAll("'", '').split(' ');
        const say = (body: string): void => {
          channel.write(`chandler:${token}:${body.length}:${body}:${token}\n`);
        };
        say('begun');
        if (subcommand === 'wait')
          return wait(say, Number(everyS) * 1000, (over) => channel.once('close', over));
        say('state=running log_bytes=14');
        say('end');
        channel.exit(0);
        channel.end();
      });
    });
  });
}

function wait(say: (body: string) => void, everyMs: number, onClose: (over: () => void) => void): void {
  waits += 1;
  let timer: NodeJS.Timeout;
  const progress = (): void => {
    say(`progress log_bytes=14 input=none tail=${LAST_LINE}`);
    timer = setTimeout(progress, everyMs);
  };
  timer = setTimeout(progress, FIRST_PROGRESS_MS);
  onClose(() => {
    waits -= 1;
    clearTimeout(timer);
  });
}
