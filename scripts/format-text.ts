import { readFileSync } from 'node:fs';
import { format, type FormatOptions } from 'oxfmt';

const config = JSON.parse(
  readFileSync(new URL('../.oxfmtrc.json', import.meta.url), 'utf8'),
) as FormatOptions;

/** Formats a text in the project's style. The language is that of the file's extension. */
export async function formatText(
  fileName: string,
  text: string,
  options: FormatOptions = {},
): Promise<string> {
  const { code, errors } = await format(fileName, text, { ...config, ...options });
  if (errors.length > 0) throw new Error(`${fileName}: ${errors.map(({ message }) => message).join('; ')}`);
  return code;
}
