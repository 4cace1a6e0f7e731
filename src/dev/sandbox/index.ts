export { sandboxDown, sandboxList } from './sandbox-down.ts';
export type { ListedHost, Output, SandboxHost } from './sandbox-host.ts';
export { sandboxUp } from './sandbox-up.ts';
export type { UpOptions } from './sandbox-up.ts';
