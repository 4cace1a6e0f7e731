import { chmod, stat } from 'node:fs/promises';
import { isLooseKey } from '../../inspect/inspect-keys.ts';
import { reasonOf } from '../../domain/run/failure.ts';
import type { Finding } from '../../domain/run/finding.ts';

const NOT_THEIRS = 0o077;

/**
 * Removes other users' access to private keys on this machine. Findings of a worker elsewhere are unchanged, because its keys are
 * not here.
 */
export async function fixKeys(findings: readonly Finding[]): Promise<Finding[]> {
  return Promise.all(findings.map(fixKey));
}

async function fixKey(finding: Finding): Promise<Finding> {
  const { id, subject, verdict, fix, ...rest } = finding;
  const isLoose =
    id === 'key' && verdict !== 'ok' && fix?.startsWith('chmod ') && (await isLooseKey(subject));
  if (!isLoose) return finding;
  try {
    const { mode } = await stat(subject);
    await chmod(subject, mode & 0o7777 & ~NOT_THEIRS);
    return { ...rest, id, subject, verdict: 'ok', fixed: 'group and others no longer have access' };
  } catch (error) {
    return {
      ...finding,
      message: `${finding.message}; this program may not change that: ${reasonOf(error)}`,
    };
  }
}
