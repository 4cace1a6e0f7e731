import { fileVariable } from '../domain/plan/files.ts';
import { ChandlerError } from '../domain/run/failure.ts';
import type { Plan } from '../domain/plan/schema.ts';
import { checkZmxFile } from '../host/install-zmx.ts';
import { prepareLogin } from '../ssh/prepare-login.ts';
import { detailsOf } from './temporal-failure.ts';
import type { ActivityDeps } from './activity-deps.ts';
import type { Lack } from './activity-types.ts';

/** Far more than anyone reads, and far below the server's limit for a payload. */
const MAX_LACKS = 100;

/** What resolves the references of a plan. */
export type LackDeps = Pick<ActivityDeps, 'resolveTarget' | 'resolveSecrets' | 'zmx'>;

/**
 * Finds everything that a plan names and the worker cannot provide: identities, also of jump hosts, the zmx file, secrets.
 * Values are read and forgotten.
 */
export async function findLacks(deps: LackDeps, { target, zmx, steps }: Plan): Promise<Lack[]> {
  const { jump = [], ...last } = target;
  const hops = [{ path: 'target', hop: last }, ...jump.map((hop, i) => ({ path: `target.jump[${i}]`, hop }))];
  const found = await Promise.all([
    ...hops.map(({ path, hop }) =>
      lackOf({ path: hop.identity === undefined ? path : `${path}.identity` }, async () =>
        prepareLogin(await deps.resolveTarget(hop)),
      ),
    ),
    lackOf({ path: 'zmx' }, () => checkZmxFile({ ...deps.zmx, ...(zmx && { spec: zmx }) })),
    ...steps.flatMap(({ name, secrets = {}, files = [] }, i) =>
      [
        ...Object.entries(secrets).map(([variable, reference]) => [
          `secrets.${variable}`,
          variable,
          reference,
        ]),
        ...files.map(({ secret }, j) => [`files[${j}].secret`, fileVariable(j), secret]),
      ].flatMap(([path, variable = '', reference]) =>
        reference === undefined
          ? []
          : [
              lackOf({ path: `steps[${i}].${path}`, step: name }, () =>
                deps.resolveSecrets({ [variable]: reference }),
              ),
            ],
      ),
    ),
  ]);
  return found.flat().slice(0, MAX_LACKS);
}

export async function lackOf(about: Omit<Lack, 'failure'>, find: () => Promise<unknown>): Promise<Lack[]> {
  try {
    await find();
    return [];
  } catch (error) {
    if (!(error instanceof ChandlerError)) throw error;
    return [{ ...about, failure: detailsOf(error) }];
  }
}
