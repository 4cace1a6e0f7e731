import { z } from 'zod';

/** How a host is isolated: a container of a Docker engine, or Linux namespaces of this machine. */
export const engineSchema = z.enum(['docker', 'namespace']);

/** What host.json holds. `startTime` (clock ticks since boot) tells `pid` from a later process of that number. */
export const hostSchema = z.object({
  name: z.string(),
  host: z.literal('127.0.0.1'),
  port: z.int().min(0).max(65_535),
  user: z.literal('root'),
  identity: z.string(),
  knownHosts: z.string(),
  hostKey: z.string(),
  engine: engineSchema,
  pid: z.int().positive().optional(),
  startTime: z.string().optional(),
  container: z.string().optional(),
  root: z.string().optional(),
});

/** How a sandbox host is isolated. */
export type Engine = z.infer<typeof engineSchema>;

/** A throw-away host: where it listens, how to log in, how it runs. `root` is its `/` as this machine sees it. */
export interface SandboxHost {
  readonly name: string;
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly user: 'root';
  readonly identity: string;
  readonly knownHosts: string;
  readonly hostKey: string;
  readonly engine: Engine;
  readonly pid?: number | undefined;
  readonly startTime?: string | undefined;
  readonly container?: string | undefined;
  readonly root?: string | undefined;
}

/** A host with what was found out about it just now. */
export interface ListedHost extends SandboxHost {
  readonly running: boolean;
}

/** What a command printed and how it ended; `code` is null when a signal ended it. */
export interface Output {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}
