import type { Payload } from '@temporalio/common';
import * as fc from 'fast-check';
import { fleetActionNames, fleetActions, type FleetActionName } from '../src/domain/fleet/fleet-actions.ts';
import { HOST_REPORT } from '../src/domain/fleet/host-report.ts';
import { actionNames } from '../src/domain/run/actions.ts';
import { nastyText } from '../test/support/hostile.ts';
import { fleetMessage, hostsQuery, inputs, message, plan, report, snapshot, target } from './valid-inputs.ts';

/** A request of a client: to start a workflow, or to a running one. */
export interface InputShape {
  readonly kind: 'start' | 'signal' | 'update' | 'query';
  /** What gets a message: a run, or a fleet. */
  readonly to: 'run' | 'fleet';
  /** The name of the workflow, signal, update or query. */
  readonly name: string;
  readonly payloads: readonly Payload[];
  /** Headers and memo are payloads as well. */
  readonly extra: Readonly<Record<string, Payload>>;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const payloadOf = (data: Uint8Array, encoding: string, more: Record<string, string> = {}): Payload => ({
  metadata: Object.fromEntries(
    Object.entries({ encoding, ...more }).map(([key, value]) => [key, bytes(value)]),
  ),
  data,
});
export const json = (text: string): Payload => payloadOf(bytes(text), 'json/plain');

/** Inherited names, names reserved by the SDK, and invalid names. */
const foreignNames = fc.oneof(
  fc.constantFrom(
    'valueOf',
    'toString',
    'constructor',
    '__proto__',
    '__defineGetter__',
    'default',
    '__esModule',
    '__temporal_x',
    '__stack_trace',
    '__temporal_workflow_metadata',
    ' ',
    '\u202e',
    'x'.repeat(900),
  ),
  nastyText.filter((text) => text !== '').map((text) => text.toWellFormed()),
);

const oddValue = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    '',
    0,
    -1,
    1.5,
    1e21,
    [],
    {},
    [{}],
    [[]],
    { toString: 1 },
    { valueOf: null },
  ),
  fc.constantFrom<unknown>('\0', '\ud800', 'x'.repeat(5000), '船'.repeat(500), '__proto__', 'x\ud83d', {
    length: -1,
  }),
  nastyText,
  fc.jsonValue({ maxDepth: 3 }),
);

/** A valid input with one part replaced, removed or repeated. */
function bent(valid: unknown): fc.Arbitrary<string> {
  const paths = pathsOf(valid);
  return fc
    .tuple(fc.nat(paths.length - 1), oddValue, fc.constantFrom('replace', 'remove', 'add'))
    .map(([at, odd, how]) => {
      const copy = JSON.parse(JSON.stringify({ whole: valid })) as Record<string, unknown>;
      const path = paths[at] ?? [];
      const parent = path
        .slice(0, -1)
        .reduce<Record<string, unknown>>((held, key) => held[key] as Record<string, unknown>, copy);
      const key = path.at(-1) ?? 'whole';
      if (how === 'remove') delete parent[key];
      else if (how === 'replace') parent[key] = odd;
      else if (typeof parent[key] === 'object')
        Object.assign(parent[key] as object, { [JSON.stringify(odd).slice(0, 20)]: odd, 0: odd });
      return JSON.stringify(copy['whole']) ?? 'null';
    });
}

/** The paths into a value; the value itself is at `whole`. */
function pathsOf(value: unknown, path: readonly string[] = ['whole']): string[][] {
  const below =
    typeof value === 'object' && value !== null
      ? Object.entries(value)
          .slice(0, Array.isArray(value) ? 12 : 40)
          .flatMap(([key, each]) => pathsOf(each, [...path, key]))
      : [];
  return [[...path], ...below];
}

const nested = (open: string, close: string, depth: number) => open.repeat(depth) + close.repeat(depth);
/** JSON that no program prints, and text that is not JSON. */
const rawText = fc.oneof(
  fc.constantFrom(
    '1e999',
    '-0',
    '[1e999]',
    '123456789012345678901234567890',
    '"\\ud800"',
    '{"step":"\\udfff"}',
  ),
  fc.constantFrom('{"__proto__":{"step":"parks"}}', '{"step":"parks","__proto__":null}', '[{"__proto__":1}]'),
  fc.constantFrom(
    '',
    ' ',
    '{',
    '[1,',
    'NaN',
    'undefined',
    "{'a':1}",
    '\ufeff{}',
    '{"step":1,"step":"parks"}',
    'null',
  ),
  fc.constantFrom('[{}]', '{"constructor":{"prototype":{}}}', '{"toString":1}', '{"toJSON":1,"then":{}}'),
  fc.nat(20_000).map((depth) => nested('[', ']', depth)),
  fc.nat(20_000).map((depth) => `${'{"steps":'.repeat(depth)}1${'}'.repeat(depth)}`),
);
const large = fc.constantFrom(
  () => JSON.stringify('x'.repeat(1_900_000)),
  () => JSON.stringify({ step: 'x'.repeat(1_900_000) }),
  () => JSON.stringify({ target, steps: Array.from({ length: 200_000 }, () => ({})) }),
  () => JSON.stringify(Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`k${i}`, i]))),
  () => nested('[', ']', 900_000),
  () => JSON.stringify({ target, steps: [{ name: 'a', script: '\u0001'.repeat(250_000) }] }),
);

function payload(valid: readonly unknown[]): fc.Arbitrary<Payload> {
  const text = fc.oneof(
    { weight: 300, arbitrary: fc.constantFrom(...valid).chain(bent) },
    { weight: 100, arbitrary: rawText },
    { weight: 50, arbitrary: oddValue.map((value) => JSON.stringify(value) ?? 'null') },
    { weight: 1, arbitrary: large.map((make) => make()) },
  );
  const encodings = ['json/protobuf', 'binary/protobuf', 'binary/plain', 'binary/null', 'binary/encrypted'];
  return fc.oneof(
    { weight: 12, arbitrary: text.map(json) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(
          fc.oneof(text.map(bytes), fc.uint8Array({ maxLength: 40 })),
          fc.constantFrom(...encodings, '', 'json/plain\0', 'x'),
        )
        .map(([data, encoding]) =>
          payloadOf(data, encoding, { messageType: 'temporal.api.common.v1.Payload' }),
        ),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((data) => payloadOf(data, 'json/plain')) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<Payload>(
        {},
        { metadata: {} },
        { data: bytes('{}') },
        { metadata: { encoding: new Uint8Array([255]) }, data: bytes('1') },
      ),
    },
  );
}

function arguments_(valid: readonly unknown[]): fc.Arbitrary<Payload[]> {
  return fc.oneof(
    { weight: 8, arbitrary: payload(valid).map((one) => [one]) },
    { weight: 1, arbitrary: fc.array(payload(valid), { maxLength: 3 }) },
  );
}

const extra = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Record<string, Payload>>({}) },
  {
    weight: 1,
    arbitrary: fc.dictionary(fc.constantFrom('chandler-sender', 'x', '__proto__', 'toString'), payload([1]), {
      maxKeys: 2,
    }),
  },
);

function shape(
  to: InputShape['to'],
  kind: InputShape['kind'],
  name: fc.Arbitrary<string>,
  valid: (name: string) => readonly unknown[],
): fc.Arbitrary<InputShape> {
  return name.chain((name) =>
    fc.record({
      to: fc.constant(to),
      kind: fc.constant(kind),
      name: fc.constant(name),
      payloads: arguments_(valid(name)),
      extra,
    }),
  );
}

const known = Object.keys(inputs);
const withForeign = (names: readonly string[]) =>
  fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...names) }, { weight: 1, arbitrary: foreignNames });
const start = fc.oneof(
  {
    weight: 9,
    arbitrary: shape(
      'run',
      'start',
      withForeign(known),
      (name) => (Object.hasOwn(inputs, name) ? inputs[name] : undefined) ?? [plan],
    ),
  },
  // A run started with a snapshot by a client.
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        payload([plan]),
        payload([snapshot]),
        fc.constantFrom('provision', 'watchProvisioning', 'provisionFleet'),
      )
      .map(([input, carried, name]): InputShape => ({
        to: 'run',
        kind: 'start',
        name,
        payloads: [input, carried],
        extra: {},
      })),
  },
);

/** The part of a message that an action accepts, and all of it. */
function validForFleet(name: string): readonly unknown[] {
  if (name === HOST_REPORT) return [report, { ...report, kind: 'over' }];
  const keys = [
    ...Object.keys(Object.hasOwn(fleetActions, name) ? fleetActions[name as FleetActionName].checks : {}),
    'reason',
    'requestId',
  ];
  const accepted = Object.fromEntries(Object.entries(fleetMessage).filter(([key]) => keys.includes(key)));
  return [accepted, fleetMessage];
}

const inputShape = fc.oneof(
  { weight: 4, arbitrary: start },
  { weight: 3, arbitrary: shape('run', 'signal', withForeign(actionNames), () => [message]) },
  { weight: 3, arbitrary: shape('run', 'update', withForeign(actionNames), () => [message]) },
  { weight: 1, arbitrary: shape('run', 'query', withForeign(['status', 'launches']), () => [message]) },
  {
    weight: 2,
    arbitrary: shape('fleet', 'signal', withForeign([...fleetActionNames, HOST_REPORT]), validForFleet),
  },
  { weight: 1, arbitrary: shape('fleet', 'signal', fc.constant(HOST_REPORT), validForFleet) },
  { weight: 2, arbitrary: shape('fleet', 'update', withForeign(fleetActionNames), validForFleet) },
  {
    weight: 1,
    arbitrary: shape('fleet', 'query', withForeign(['fleetStatus', 'fleetHosts']), () => [hostsQuery]),
  },
);

/** Draws shapes; the same for the same seed. */
export function drawShapes(seed: number, count: number): InputShape[] {
  return fc.sample(inputShape, { seed, numRuns: count });
}

/** A shape as one line, to find it again. */
export function describeShape({ to, kind, name, payloads, extra }: InputShape): string {
  const shown = payloads.map(({ metadata, data }) => {
    const encoding = new TextDecoder().decode(metadata?.['encoding'] ?? bytes('none'));
    const text = JSON.stringify(new TextDecoder().decode(data ?? new Uint8Array()));
    return `${encoding} ${text.length > 300 ? `${text.slice(0, 300)}… (${text.length})` : text}`;
  });
  return `${to} ${kind} ${JSON.stringify(name.slice(0, 60))} [${shown.join(', ')}]${Object.keys(extra).length > 0 ? ` and ${Object.keys(extra).join(', ')}` : ''}`;
}
