export { sandboxExec, sandboxReboot, sandboxSshd } from './control.ts';
export { sandboxDown, sandboxList } from './down.ts';
export type { ListedHost, Output, SandboxHost } from './types.ts';
export { sandboxUp } from './up.ts';
export type { UpOptions } from './up.ts';
