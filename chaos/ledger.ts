import { appendFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** A line that a step's script writes about itself. Times are from the campaign's clock, in milliseconds. */
export interface LedgerLine {
  readonly atMs: number;
  readonly launch: string;
  readonly run: string;
  readonly kind: 'step' | 'finalizer';
  readonly step: string;
  readonly attempt: number;
  readonly event: 'start' | 'end';
  /** The exit code with which the script is about to end. */
  readonly code?: number;
}

/** The host program was called on a host. */
export interface CallLine {
  readonly atMs: number;
  readonly host: string;
  readonly call: string;
}

/** A program on a host has reached an armed line and waits for a response. */
export interface AimedStop {
  readonly host: string;
  readonly program: string;
  readonly line: number;
}

/** `go`: continue. `die`: the program kills itself there. */
export type AimAnswer = 'go' | 'die';

export interface Ledger {
  readonly port: number;
  readonly lines: readonly LedgerLine[];
  readonly calls: readonly CallLine[];
  /** Handles the next stop of a host; without it a program continues at once. */
  readonly onAim: (host: string, take: (stop: AimedStop) => Promise<AimAnswer>) => void;
  /** Handles the requests of steps to reboot their host. */
  readonly onReboot: (host: string, take: (launch: string) => void) => void;
  readonly close: () => Promise<void>;
}

/**
 * Listens on loopback, which the sandbox hosts share with this machine, so no reboot, full disk or fault proxy affects it. A
 * line is in `file` before the script gets a response and continues.
 */
export async function openLedger(file: string): Promise<Ledger> {
  const lines: LedgerLine[] = [];
  const calls: CallLine[] = [];
  const takers = new Map<string, (stop: AimedStop) => Promise<AimAnswer>>();
  const rebooters = new Map<string, (launch: string) => void>();
  const sockets = new Set<Socket>();

  const answer = async (text: string): Promise<string> => {
    const atMs = Date.now();
    const [what = '', ...words] = text.split(' ');
    if (what === 'step') {
      const line = parseLine(atMs, words);
      if (!line) return 'what?';
      appendFileSync(file, `${line.launch} ${line.event} ${atMs} ${line.code ?? ''}\n`);
      lines.push(line);
      return 'noted';
    }
    const [host = '', ...rest] = words;
    if (what === 'call') {
      calls.push({ atMs, host, call: rest.join(' ') });
      return 'noted';
    }
    if (what === 'reboot') {
      rebooters.get(host)?.(rest.join(' '));
      return 'noted';
    }
    const [program = '', line = ''] = rest;
    const taker = takers.get(host);
    return what === 'aim' && taker ? taker({ host, program, line: Number(line) }) : 'go';
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    let text = '';
    socket.on('close', () => sockets.delete(socket));
    // The program may be dead by now.
    socket.on('error', () => undefined);
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      const whole = text.includes('\n');
      text += chunk;
      if (whole || !text.includes('\n')) return;
      void answer(text.slice(0, text.indexOf('\n'))).then((said) => socket.end(`${said}\n`));
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  return {
    port: (server.address() as AddressInfo).port,
    lines,
    calls,
    onAim: (host, take) => void takers.set(host, take),
    onReboot: (host, take) => void rebooters.set(host, take),
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function parseLine(atMs: number, words: readonly string[]): LedgerLine | undefined {
  const [launch = '', run = '', kind, step = '', attempt = '', event, code] = words;
  if (kind !== 'step' && kind !== 'finalizer') return undefined;
  const said = { atMs, launch, run, kind, step, attempt: Number(attempt) } as const;
  if (event === 'start') return { ...said, event };
  return event === 'end' && code !== undefined ? { ...said, event, code: Number(code) } : undefined;
}
