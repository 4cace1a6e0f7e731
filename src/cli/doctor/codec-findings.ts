import { reasonOf } from '../../domain/run/failure.ts';
import { verdictsOn, type Finding } from '../../domain/run/finding.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { quote } from '../../shell/index.ts';

/** The encodings that the SDK decodes without a codec. */
const PLAIN: readonly string[] = [
  'json/plain',
  'binary/null',
  'binary/plain',
  'json/protobuf',
  'binary/protobuf',
];
const ANSWER_MS = 5000;

/** The finding about the encoding of a run's texts. `cli` is the Temporal CLI with its connection options. */
export function encodingFinding(workflowId: string, encodings: readonly string[], cli: string): Finding {
  const { ok, problem } = verdictsOn('codec', `the newest run, ${oneLine(workflowId)}`);
  const foreign = encodings.find((encoding) => !PLAIN.includes(encoding));
  if (foreign === undefined) return ok('can be read here');
  return problem(
    `is encoded as ${oneLine(foreign)}: its sender uses a codec that this program does not have`,
    `${cli} workflow show -w ${quote(workflowId)} --codec-endpoint "$TEMPORAL_CODEC_ENDPOINT"`,
  );
}

/** Whether the codec server in the settings of the Temporal CLI answers; no finding without one. */
export async function codecEndpointFinding(
  env: Readonly<Record<string, string | undefined>>,
  namespace: string,
): Promise<Finding | undefined> {
  const setting = env['TEMPORAL_CODEC_ENDPOINT'];
  if (setting === undefined || setting === '') return undefined;
  const { ok, problem } = verdictsOn('codec-endpoint', oneLine(setting));
  const auth = env['TEMPORAL_CODEC_AUTH'];
  const url = `${setting.replaceAll('{namespace}', encodeURIComponent(namespace)).replace(/\/+$/, '')}/decode`;
  const fix = `curl -i -H 'content-type: application/json' -d '{"payloads":[]}' ${quote(url)}`;
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-namespace': namespace,
        ...(auth && { authorization: auth }),
      },
      body: '{"payloads":[]}',
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    return answer.ok
      ? ok('the codec server of the Temporal CLI answers')
      : problem(`the codec server answers with HTTP status ${answer.status}`, fix);
  } catch (error) {
    return problem(`the codec server does not answer: ${oneLine(reasonOf(error))}`, fix);
  }
}
