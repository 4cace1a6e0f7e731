import { randomBytes } from 'node:crypto';

/** A secret: a core that occurs in no other text, among all characters that quoting changes. */
export interface Canary {
  readonly value: string;
  readonly core: string;
}

export function makeCanary(): Canary {
  const core = `cAnArY${randomBytes(6).toString('hex')}`;
  return { value: `p'q"$x \\y/é +${core}&<ž>\n2nd line of ${core}; ok`, core };
}

/**
 * `forms TEXT` prints a text in the labelled forms that shells and programs use, 12 of them encoded. Needs bash and coreutils.
 * Only builtins receive the text, so that no process has it as an argument.
 */
export const PRINT_FORMS = String.raw`
forms() {
  local v=$1 hex i c url='' plus=''
  echo "plain: $v"
  printf 'q: %q\n' "$v"
  (set -x; : "$v") 2>&1
  declare -p v
  hex=$(printf %s "$v" | od -An -v -tx1 | tr -d ' \n')
  c=$v; c=${'${c//\\\\/\\\\\\\\}'}; c=${'${c//\\"/\\\\\\"}'}; c=${"${c//$'\\n'/\\\\n}"}
  printf 'json: "%s"\n' "$c"
  printf 'json, escaped: "%s"\n' "$(printf %s "$v" | iconv -t UTF-16BE | od -An -v -tx1 | tr -d ' \n' | sed 's/..../\\u&/g')"
  for i in '' a ab; do printf '%s' "base64: $(printf '%s%s' "$i" "$v" | base64)"; echo; done
  printf 'base64, for URLs, over lines: '; { head -c 70 /dev/zero; printf %s "$v"; } | base64 | tr +/ -_
  echo "hex: $hex"; echo "HEX: $hex" | tr a-f A-F
  printf %s "$v" | od -An -v -tx1
  local LC_ALL=C
  for ((i = 0; i < ${'${#v}'}; i++)); do
    c=${'${v:i:1}'}
    case $c in
      [a-zA-Z0-9]) url+=$c plus+=$c ;;
      ' ') url+=%20 plus+=+ ;;
      *) printf -v c '%%%02X' "'$c"; c=%${'${c: -2}'}; url+=$c plus+=$c ;;
    esac
  done
  printf 'url: %s\nform: %s\n' "$url" "$plus"
  printf 'colours: \e[1m%s\e[0;31m%s\e[0m%s\n' "${'${v:0:20}'}" "${'${v:20:9}'}" "${'${v:29}'}"
  echo "over lines:"; fold -w 11 <<<"$v"
}
`;

/** The canaries that a text contains in any form, ignoring colours and white space. */
export function leaks(text: string, canaries: readonly Canary[]): string[] {
  // oxlint-disable-next-line no-control-regex -- escape sequences
  const joined = text.replaceAll(/\u001b\[[0-9;]*[A-Za-z]|\s+/g, '');
  return canaries.flatMap(({ core }) =>
    Object.entries(needles(core)).flatMap(([form, needle]) =>
      text.includes(needle) || joined.includes(needle) ? [`${core} (${form})`] : [],
    ),
  );
}

function needles(core: string): Record<string, string> {
  const hex = Buffer.from(core).toString('hex');
  const base64 = [0, 1, 2].map((before) =>
    // Without the characters at both ends, which depend on the neighbouring bytes.
    Buffer.from('-'.repeat(before) + core)
      .toString('base64')
      .replaceAll('=', '')
      .slice(before === 0 ? 0 : before + 1, -1),
  );
  return {
    plain: core,
    hex,
    HEX: hex.toUpperCase(),
    escaped: [...core].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join(''),
    ...Object.fromEntries(base64.map((text, before) => [`base64 after ${before}`, text])),
  };
}
