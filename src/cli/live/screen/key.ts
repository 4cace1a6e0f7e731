/** A key: its name, and the text that it would type. */
export interface Key {
  readonly name: string;
  readonly text: string;
}

/** The part of a `keypress` event of node:readline that is used. */
export interface Keypress {
  readonly sequence?: string | undefined;
  readonly name?: string | undefined;
  readonly ctrl?: boolean | undefined;
  readonly meta?: boolean | undefined;
}

const NAMES: Readonly<Record<string, string>> = { return: 'enter', k: 'up', j: 'down', space: 'pagedown' };
/* oxlint-disable-next-line no-control-regex -- control characters */
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** Converts an event, so that other modules need not know what terminals send. */
export function toKey(text: string | undefined, press: Keypress): Key {
  const { name = '', ctrl = false, meta = false } = press;
  if (ctrl) return { name: `ctrl-${name}`, text: '' };
  if (meta && name !== 'escape') return { name: `meta-${name}`, text: '' };
  const printable = text !== undefined && text !== '' && !CONTROL.test(text) ? text : '';
  // An upper-case letter counts as its own key.
  const own = printable.length === 1 && name !== 'space' ? printable : name;
  return { name: NAMES[own] ?? own, text: printable };
}
