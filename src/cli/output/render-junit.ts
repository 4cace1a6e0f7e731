import {
  describeState,
  isDone,
  listParts,
  partName,
  type PartStatus,
  type RunStatus,
} from '../../domain/run/status.ts';
import type { ReportedRun } from './run-reports.ts';

/** Renders runs as a JUnit report: a suite for each host, a case for each step and finalizer. */
export function renderJunit(runs: readonly ReportedRun[]): string {
  const suites = runs.map(toSuite);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites>',
    ...suites.flat(),
    '</testsuites>',
    '',
  ].join('\n');
}

interface Case {
  readonly name: string;
  readonly seconds: number;
  /** Its content, as XML. */
  readonly content: string;
  readonly outcome: 'passed' | 'failures' | 'errors' | 'skipped';
}

function toSuite({ name, status, message }: ReportedRun): string[] {
  const parts = status ? listParts(status) : [];
  const cases = parts.map(({ step, kind, part }) => toCase(partName(step.name, kind === 'finalizer'), part));
  const { failure } = status ?? {};
  const isTold = parts.some(({ part }) => part.failure?.message === failure?.message);
  const reason = failure && !isTold ? failure.message : status ? undefined : message;
  // A failure that belongs to no step, such as an unreachable host.
  if (reason !== undefined)
    cases.push({
      name: 'run',
      seconds: 0,
      content: `<error${attributes({ type: failure?.code ?? 'failed', message: reason })}/>`,
      outcome: 'errors',
    });
  const count = (outcome: Case['outcome']) => cases.filter((each) => each.outcome === outcome).length;
  const head = {
    name: status ? `${status.plan || 'plan'} on ${name}` : name,
    tests: cases.length,
    failures: count('failures'),
    errors: count('errors'),
    skipped: count('skipped'),
    time: secondsOf(status ?? {}).toFixed(3),
    ...(status && { timestamp: new Date(status.startedAtMs).toISOString() }),
  };
  const className = status?.plan || 'plan';
  return [
    `  <testsuite${attributes(head)}>`,
    ...cases.map(({ name: caseName, seconds: time, content }) => {
      const own = attributes({ name: caseName, classname: className, time: time.toFixed(3) });
      return content === '' ? `    <testcase${own}/>` : `    <testcase${own}>${content}</testcase>`;
    }),
    '  </testsuite>',
  ];
}

function toCase(name: string, part: PartStatus): Case {
  const { state, failure } = part;
  const seconds = secondsOf(part);
  if (isDone(part) && state !== 'skipped')
    return {
      name,
      seconds,
      content: state === 'succeeded' ? '' : `<system-out>${state}</system-out>`,
      outcome: 'passed',
    };
  if (failure) {
    const about = attributes({ type: failure.code, message: failure.message });
    const text = [failure.advice, failure.logTail].filter(Boolean).join('\n\n');
    return { name, seconds, content: `<failure${about}>${escape(text)}</failure>`, outcome: 'failures' };
  }
  return {
    name,
    seconds,
    content: `<skipped${attributes({ message: describeState(part) })}/>`,
    outcome: 'skipped',
  };
}

function secondsOf({ startedAtMs, endedAtMs = startedAtMs }: Partial<RunStatus | PartStatus>): number {
  return startedAtMs === undefined || endedAtMs === undefined ? 0 : (endedAtMs - startedAtMs) / 1000;
}

/** Renders attributes of an XML element. */
export function attributes(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([key, value]) => ` ${key}="${escape(String(value)).replaceAll('\n', '&#10;')}"`)
    .join('');
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Escapes a text; characters that XML cannot contain become the replacement character. */
function escape(text: string): string {
  return (
    text
      .toWellFormed()
      // oxlint-disable-next-line no-control-regex -- these are what XML 1.0 excludes
      .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
      .replaceAll('\r', '')
      .replaceAll(/[&<>"]/g, (found) => ENTITIES[found] ?? found)
  );
}
