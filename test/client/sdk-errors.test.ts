import * as client from '@temporalio/client';
import * as common from '@temporalio/common';
import { expect, test } from 'vitest';
import { isSdkError, type SdkErrors } from '../../src/client/sdk-errors.ts';

const classes: { readonly [Name in keyof SdkErrors]: { readonly prototype: SdkErrors[Name] } } = {
  ActivityFailure: common.ActivityFailure,
  ApplicationFailure: common.ApplicationFailure,
  ScheduleAlreadyRunning: client.ScheduleAlreadyRunning,
  ScheduleNotFoundError: client.ScheduleNotFoundError,
  ServiceError: client.ServiceError,
  TerminatedFailure: common.TerminatedFailure,
  TimeoutFailure: common.TimeoutFailure,
  WorkflowExecutionAlreadyStartedError: client.WorkflowExecutionAlreadyStartedError,
  WorkflowExecutionContinuedAsNewError: client.WorkflowContinuedAsNewError,
  WorkflowFailedError: client.WorkflowFailedError,
  WorkflowNotFoundError: client.WorkflowNotFoundError,
  WorkflowUpdateFailedError: client.WorkflowUpdateFailedError,
};
const names = Object.keys(classes) as (keyof SdkErrors)[];

test.each(names)('%s is recognised, and is no other error of the SDK', (name) => {
  const error: unknown = Object.create(classes[name].prototype);
  expect(names.filter((each) => isSdkError(error, each))).toEqual([name]);
});

test('a value that is not an error of the SDK is not recognised', () => {
  expect(isSdkError(new Error('x'), 'ServiceError')).toBe(false);
  expect(isSdkError({ name: 'ServiceError' }, 'ServiceError')).toBe(false);
});
