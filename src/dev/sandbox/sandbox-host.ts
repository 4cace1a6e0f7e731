import { z } from 'zod';

/** The content of host.json. `startTime` (clock ticks since boot) distinguishes `pid` from a later process with that id. */
export const hostSchema = z.object({
  name: z.string(),
  host: z.literal('127.0.0.1'),
  port: z.int().min(0).max(65_535),
  user: z.literal('root'),
  identity: z.string(),
  knownHosts: z.string(),
  hostKey: z.string(),
  /** A container of Docker, or Linux namespaces of this machine. */
  backend: z.enum(['docker', 'namespace']),
  pid: z.int().positive().optional(),
  startTime: z.string().optional(),
  container: z.string().optional(),
  /** The host's `/` as this machine sees it. */
  root: z.string().optional(),
});

/** A throw-away host. */
export type SandboxHost = Readonly<z.infer<typeof hostSchema>>;
export type SandboxBackend = SandboxHost['backend'];

export interface ListedHost extends SandboxHost {
  readonly running: boolean;
}

/** `code` is null if a signal ended the command. */
export interface Output {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}
