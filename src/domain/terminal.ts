/* oxlint-disable no-control-regex -- control characters are what this is about */

/** {@link plainText} on one line: every run of white space is one space. */
export function oneLine(text: string): string {
  return plainText(text).replaceAll(/\s+/g, ' ');
}

/**
 * Makes text of a host safe to show: escape sequences and control characters are dropped, line ends are kept.
 * What a host prints must not drive an operator's terminal.
 */
export function plainText(text: string): string {
  return (
    text
      // OSC, DCS, APC, PM and SOS strings, up to their terminator.
      .replace(
        /(?:\u001b[\]PX^_]|[\u009d\u0090\u009f\u009e\u0098])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?/g,
        '',
      )
      // CSI sequences, then the two-byte ones.
      .replace(/(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]?/g, '')
      .replace(/\u001b[ -/]*[0-~]?/g, '')
      .replace(/\r\n/g, '\n')
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '')
  );
}
