export { Runner } from './runner.ts';
export type { PollStatus, RunnerOptions, RunnerPaths, RunnerStep } from './runner.ts';
export { stepNames } from './steps.ts';
export { parseSessions } from '../zmx/index.ts';
export type { Session } from '../zmx/index.ts';
