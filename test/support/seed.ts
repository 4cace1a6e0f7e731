import * as fc from 'fast-check';

/**
 * Property tests draw the same inputs in every run, so that only a change of the code can make a run fail. To draw others:
 * `PROPERTY_SEED=7 npx vitest run --project unit`.
 */
fc.configureGlobal({ seed: Number(process.env['PROPERTY_SEED'] ?? 1) });
