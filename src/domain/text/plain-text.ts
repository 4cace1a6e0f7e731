/* oxlint-disable no-control-regex -- matches control characters */

/** Like {@link plainText}, on one line: every run of white space becomes one space. */
export function oneLine(text: string): string {
  return plainText(text).replaceAll(/\s+/g, ' ');
}

// OSC, DCS, APC, PM and SOS strings, without their terminator. A line end terminates them, too, because an open sequence would
// hide the rest of a log.
const STRING = /(?:\u001b[\]PX^_]|[\u009d\u0090\u009f\u009e\u0098])[^\u0007\u001b\u009c\n]*/.source;
// CSI sequences and two-byte sequences, without their last byte.
const CSI = /(?:\u001b\[|\u009b)[0-?]*[ -/]*/.source;
const ESCAPE = /\u001b[ -/]*/.source;
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/
  .source;
const DRIVING = new RegExp(
  `${STRING}(?:\u0007|\u001b\\\\|\u009c)?|${CSI}[@-~]?|${ESCAPE}[0-~]?|\r\n|${CONTROL}`,
  'g',
);
const UNFINISHED = new RegExp(`^(?:(${STRING})|${CSI}|${ESCAPE}|\r)$`);

/** Escapes control characters in JSON, so that printing it cannot drive a terminal. */
export function escapeControls(json: string): string {
  return json.replaceAll(
    new RegExp(CONTROL, 'g'),
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * Removes escape sequences and control characters but keeps line ends, so that the output of a host cannot drive an operator's
 * terminal.
 */
export function plainText(text: string): string {
  return text.replace(DRIVING, (found) => (found === '\r\n' ? '\n' : ''));
}

/** Like {@link plainText}, for text that arrives in pieces: a sequence may be split between two pieces. */
export function createPlainText(): (piece: string) => string {
  let held = '';
  return (piece) => {
    const text = held + piece;
    held = '';
    return text.replace(DRIVING, (found, at: number) => {
      if (at + found.length === text.length) held = unfinished(found);
      return found === '\r\n' ? '\n' : '';
    });
  };
}

/** A short prefix that makes the next piece parse as the rest of an incomplete sequence. */
function unfinished(sequence: string): string {
  const match = UNFINISHED.exec(sequence);
  if (!match) return '';
  const introducer = /^(?:\u001b[[\]PX^_]?|[^])/.exec(sequence)?.[0] ?? '';
  return match[1] === undefined && /[ -/]$/.test(sequence) ? `${introducer} ` : introducer;
}
