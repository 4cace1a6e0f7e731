import { oneLine } from '../text/plain-text.ts';

/**
 * What a new host does at its first boot. `init`: cloud-init is done or disabled. `packages`: nothing holds the lock of the package
 * manager. Or a file, by its absolute path, appears.
 */
export type BootEvent = 'init' | 'packages' | { readonly file: string };

/** `cloud-init`, `the package manager`, `/root/booted` */
export function describeBootEvent(event: BootEvent): string {
  if (typeof event === 'object') return event.file;
  return event === 'init' ? 'cloud-init' : 'the package manager';
}

/** Begins a sentence that ends with how long: `/root/booted did not appear`. `report`: what the host said last, perhaps nothing. */
export function describeLateEvent(event: BootEvent, report = ''): string {
  if (typeof event === 'object') return `${event.file} did not appear`;
  if (event === 'packages') return `${report || 'the lock of the package manager'} was not released`;
  return `cloud-init was not done${report === '' ? '' : ` (${oneLine(report)})`}`;
}
