import { parseJump, parseProxyCommand, type Hop } from './jump-hosts.ts';
import { shellWords } from './shell-words.ts';

/** Reads the arguments of ssh in `ansible_ssh_common_args`: jump hosts, and why the others are not used. */
export function readSshArguments(text: string): {
  readonly jump?: readonly Hop[];
  readonly ignored: readonly string[];
} {
  const { words, problem } = shellWords(text);
  if (!words) return { ignored: [problem] };
  let jump: readonly Hop[] | undefined;
  const ignored: string[] = [];
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i]!;
    const takesNext = /^-[oJ]$/.test(word);
    const option = takesNext ? `${word}${words[(i += 1)] ?? ''}` : word;
    const [, list] = /^-(?:J|oProxyJump\s*[=\s]\s*)(.+)$/is.exec(option) ?? [];
    const [, command] = /^-oProxyCommand\s*[=\s]\s*(.+)$/is.exec(option) ?? [];
    const proxy = command === undefined ? undefined : parseProxyCommand(command);
    const hops = list === undefined ? proxy && [proxy.hop] : parseJump(list);
    if (hops) {
      jump ??= hops;
      ignored.push(...(proxy?.unused ?? []).map((each) => `${each} of ProxyCommand is not used`));
    } else ignored.push(`${takesNext ? `${word} ${words[i] ?? ''}` : word} is not used`);
  }
  return { ...(jump && jump.length > 0 && { jump }), ignored };
}
