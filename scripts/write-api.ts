// `npm run api`: writes docs/api.md, the reference of the library, from its docstrings. With --check it writes nothing and
// fails if the file is out of date.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import {
  Extractor,
  ExtractorConfig,
  ExtractorLogLevel,
  ExtractorMessageCategory,
} from '@microsoft/api-extractor';
import { ApiItemKind, ApiModel, type ApiDeclaredItem, type ApiItem } from '@microsoft/api-extractor-model';
import { z } from 'zod';
import { fleetHostSchema, fleetSchema } from '../src/domain/fleet/schema.ts';
import { failureCodes } from '../src/domain/run/failure.ts';
import { failureTable } from './render-docs.ts';
import { planSchema, stepSchema, targetSchema, watchSchema } from '../src/domain/plan/schema.ts';
import { formatText } from './format-text.ts';

/** The order of the reference. */
const GROUPS: Readonly<Record<string, string>> = {
  Client:
    'connect createClient ChandlerClient ClientOptions AskOptions RunRef RunInfo RunDescription FailedTask StepProgress RunHost RunResult RunFailure RunPausedError PausedRun ProvisionResult RetryStep SkipStep ExtendTimeout WithReason LogPage LogRange LogRef ServerReports Poller Deployment',
  Plans: 'validatePlan validateWatch Problem Plan Step Target WatchInput Duration',
  Fleets:
    'Fleets FleetInput FleetHost validateFleet FleetStatus FleetPhase HostCounts WaveStatus FleetAttention Gate FleetHostStatus HostState HostFailure FleetHostsQuery FleetHostsPage FleetResult FleetEnd FleetInfo FleetActionName FleetActionInputs Amount SetConcurrency SetMaxFailures RetryHosts SkipHosts RetryStepOfHosts AbortFleet',
  'Status of a run':
    'RunStatus Phase StepStatus PartStatus PartState PartFailure Trouble ServerPause InputWait AuditEntry',
  'Provisioning without Temporal':
    'Runner RunnerOptions RunnerPaths RunnerStep PollStatus ZmxSource ZmxRetry ZmxSpec ZmxSourceName ZmxHost ZmxInstallation HostFacts loadPrograms Programs Program',
  'Steps and sessions': 'stepNames parseSessions Session',
  'Self-provisioning': 'script ScriptOptions formatScript scriptFormats ScriptFormat scriptPath',
  'Inspections of a worker and a host':
    'InspectInput Inspection WorkerInspection Lack FilePins HostInspection HostReport ZmxForecast CheckAnswer StepAnswer FileDifference Finding DriftReport StepDrift Deviation CheckDriftInput DriftSchedules DriftSchedule DriftTimes DriftCheck',
  'What runs leave behind':
    'RunLeftovers CleanInput CleanResult EndedLeftover OwnedLeftover Leftover OpenSession',
  'Ready-made plans': 'presets Preset PresetPaths PixelsOptions PixelsEgress',
  Launches:
    'makeLaunch Launch LaunchState StartWaiting startLaunch LaunchWork LogChunk LogOptions LogStart Progress SessionPlace Host HostOptions HostRecords LeaseAnswer PrepareOptions BootEvent BootAnswer StartOptions LaunchBody WaitOptions CheckOptions ScriptState PartRecord RecordEntry RecordedParts DeliveredFile PlacedFile',
  SSH: 'createSshPool withSudo SshPool SshPoolOptions SshConnectionOptions SshPoolEvent SshPoolStats ResolvedTarget ResolvedAuth HostKeyPolicy Executor Patience ExecOptions Outcome',
  'Shell commands': 'sh secret raw render renderMasked Command Word Secret Raw',
  Failures: 'ChandlerError failureCodes FailureCode FailureFacts',
};

/** Types that are inferred from a schema: the reference shows the fields and descriptions of the schema. */
const SCHEMAS = {
  Plan: planSchema,
  Step: stepSchema,
  Target: targetSchema,
  WatchInput: watchSchema,
  FleetInput: fleetSchema,
  FleetHost: fleetHostSchema,
};
const isOfSchema = (message: string) =>
  /"(plan|step|target|watch|fleet|fleetHost)Schema" needs to be/.test(message);

const LINKS = /\{@link ([\w.]+)\}/g;
/** `aborted` is also an ordinary word. */
const codes = Object.keys(failureCodes).filter((code) => code.includes('-'));
const CODES = new RegExp(`(?<![\`\\w-])(${codes.join('|')})(?![\`\\w-])`, 'g');

type Link = (name: string) => string;

interface Group {
  readonly title: string;
  readonly exports: readonly ApiDeclaredItem[];
}

/** As much of JSON Schema as the schemas use. */
interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | false;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const file = join(root, 'docs/api.md');
const style = { objectWrap: 'collapse' } as const;
const problems: string[] = [];

// Emits its own declarations, so that it does not depend on dist/.
mkdirSync(join(root, '.cache'), { recursive: true });
const dir = mkdtempSync(join(root, '.cache/api-'));
try {
  const items = extract();
  items.forEach(checkDocs);
  const text = await formatText(file, await renderReference(items), style);
  if (process.argv.includes('--check')) {
    const present = existsSync(file) ? readFileSync(file, 'utf8') : '';
    if (present !== text) problems.push('docs/api.md is out of date: run `npm run api`');
  } else if (problems.length === 0) {
    writeFileSync(file, text);
  }
} finally {
  rmSync(dir, { recursive: true });
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;

/** Everything that the package exports. */
function extract(): ApiDeclaredItem[] {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const emit = ['-p', 'tsconfig.build.json', '--emitDeclarationOnly', '--outDir', dir];
  execFileSync(process.execPath, [tsc, ...emit], { cwd: root, stdio: 'inherit' });

  const model = join(dir, 'model.json');
  const main = join(dir, 'index.d.ts');
  const warn = { logLevel: ExtractorLogLevel.Warning };
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: main,
      compiler: { overrideTsconfig: { extends: join(root, 'tsconfig.json'), files: [main] } },
      docModel: { enabled: true, apiJsonFilePath: model },
      messages: {
        compilerMessageReporting: { default: warn },
        extractorMessageReporting: {
          default: warn,
          'ae-missing-release-tag': { logLevel: ExtractorLogLevel.None },
        },
        tsdocMessageReporting: { default: warn },
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, 'package.json'),
  });
  Extractor.invoke(config, {
    messageCallback: (message) => {
      message.handled = true;
      const { category, logLevel, text, messageId, sourceFilePath } = message;
      if (category === ExtractorMessageCategory.Console || logLevel === ExtractorLogLevel.None) return;
      if (!isOfSchema(text)) problems.push(`${sourceOf(sourceFilePath)}: ${text} (${messageId})`);
    },
  });
  return new ApiModel().loadPackage(model).entryPoints.flatMap(({ members }) => members) as ApiDeclaredItem[];
}

/** Reports missing docstrings: every export, method and function needs one; for other members name and type may suffice. */
function checkDocs(item: ApiDeclaredItem): void {
  const parts = [item, ...membersOf(item)];
  const lacking = parts
    .filter((part) => part === item || isMethod(part) || /=>|^constructor/.test(part.excerpt.text))
    .filter((part) => docOf(part).text === '')
    .map(nameOf);
  // The extractor has only the text of a constant's members.
  const inside = [...declarationOf(item).matchAll(/^(.*)\n {4}readonly (\w+): \(.*=>/gm)]
    .filter(([, before = '']) => item.kind === ApiItemKind.Variable && !before.endsWith('*/'))
    .map(([, , name]) => `${item.displayName}.${name}`);
  const source = sourceOf(item.fileUrlPath);
  for (const name of [...lacking, ...inside]) problems.push(`${source}: ${name} has no docstring`);
  for (const part of parts) {
    const tag = /^ \* (@(?!throws)\w+)/m.exec(part.tsdocComment?.emitAsTsdoc() ?? '')?.[1];
    if (tag !== undefined) problems.push(`${source}: ${nameOf(part)}: the reference does not show ${tag}`);
  }
}

async function renderReference(items: readonly ApiDeclaredItem[]): Promise<string> {
  const groups = Object.entries(GROUPS).map(([title, names]): Group => {
    const exports = names.split(' ').flatMap((name) => {
      const item = items.find(({ displayName }) => displayName === name);
      if (!item)
        problems.push(`scripts/write-api.ts: ${name} is in the group "${title}" and is not exported`);
      return item ?? [];
    });
    return { title, exports };
  });
  const grouped = groups.flatMap(({ exports }) => exports);
  for (const item of items)
    if (!grouped.includes(item)) problems.push(`scripts/write-api.ts: ${item.displayName} is in no group`);

  const anchors = anchorsOf(groups);
  const link: Link = (name) => (anchors.has(name) ? `[\`${name}\`](#${anchors.get(name)})` : `\`${name}\``);
  const sections = groups.map(async ({ title, exports }) => [
    `## ${title}`,
    exports.map((item) => link(nameOf(item))).join(' · '),
    ...(await Promise.all(exports.map(async (item) => renderExport(item, link)))).flat(),
  ]);
  return [
    '<!-- Written by `npm run api` from the docstrings: change those, not this. -->',
    '# API reference',
    'Everything that the package `chandler` exports.',
    ...(await Promise.all(sections)).flat(),
  ].join('\n\n');
}

/** The anchors that GitHub gives to the headings of exports and methods, by name. */
function anchorsOf(groups: readonly Group[]): Map<string, string> {
  const headings = groups.flatMap(({ title, exports }) => [
    title,
    ...exports.flatMap((item) => [item, ...methodsOf(item)].map(nameOf)),
  ]);
  const slugs = headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  );
  return new Map(
    headings.map((heading, i) => {
      const before = slugs.slice(0, i).filter((slug) => slug === slugs[i]).length;
      return [heading, before === 0 ? slugs[i]! : `${slugs[i]}-${before}`];
    }),
  );
}

/** Heading, docstring and signature; then the methods, each likewise. */
async function renderExport(item: ApiDeclaredItem, link: Link): Promise<string[]> {
  const methods = methodsOf(item).map(async (method) => [
    `#### ${nameOf(method)}`,
    ...renderDoc(method, link),
    fence(await formatMember(method.excerpt.text)),
  ]);
  return [
    `### ${nameOf(item)}`,
    ...renderDoc(item, link),
    ...renderSignature(item),
    ...(await Promise.all(methods)).flat(),
  ];
}

/** An export as it is declared, without its methods. */
function renderSignature(item: ApiDeclaredItem): string[] {
  const name = item.displayName;
  if (name === 'failureCodes') return [failureTable()];
  if (isSchema(name)) return [fence(`type ${name} = ${shapeOf(jsonSchemaOf(name))};`)];
  if (methodsOf(item).length === 0) return [fence(declarationOf(item))];
  const properties = membersOf(item)
    .filter((member) => !isMethod(member))
    .map((member) => commentOf(member) + member.excerpt.text);
  if (properties.length === 0) return [];
  return [fence([`${item.excerpt.text} {`, ...properties, '}'].join('\n'))];
}

/** A docstring as Markdown. */
function renderDoc(item: ApiDeclaredItem, link: Link): string[] {
  const { text, throws } = docOf(item);
  const reasons = throws.map(
    (what) => `**Throws** ${what.replace(/^ChandlerError/, link('ChandlerError')).replaceAll(CODES, '`$&`')}`,
  );
  return [text, ...reasons]
    .filter((part) => part !== '')
    .map((part) => part.replaceAll(LINKS, (_, name: string) => link(name)));
}

/** A docstring: its text, and what each `@throws` says. */
function docOf(item: ApiDeclaredItem): { text: string; throws: string[] } {
  const comment = item.tsdocComment?.emitAsTsdoc() ?? '';
  const [text = '', ...blocks] = comment
    .replaceAll(/^\/\*\*\n| \*\/\n$/g, '')
    .replaceAll(/^ \* ?/gm, '')
    .split(/^@(?=\w)/m)
    .map((part) => part.trim());
  // The extractor generates this text for a constructor without a docstring.
  const own = text.startsWith('Constructs a new instance of the') ? '' : text;
  return { text: own, throws: blocks.map((block) => block.replace(/^throws\s+/, '')) };
}

/** A docstring as a comment in code. */
function commentOf(item: ApiDeclaredItem): string {
  const { text, throws } = docOf(item);
  const lines = [...(text === '' ? [] : text.split('\n')), ...throws.map((what) => `@throws ${what}`)];
  return lines.length > 1
    ? `/**\n${lines.map((line) => ` * ${line}\n`).join('')} */\n`
    : lines.map((line) => `/** ${line} */\n`).join('');
}

/** The declaration of an export with its inner comments, which the extractor's text lacks. */
function declarationOf(item: ApiDeclaredItem): string {
  const text = readFileSync(join(root, item.fileUrlPath!), 'utf8');
  const begin = text.search(new RegExp(`^export (declare )?\\w+ ${item.displayName}\\b`, 'm'));
  const end = hasMembers(item) ? /^}$/m : /;$(?!\n[\s}])/m;
  const length = end.exec(text.slice(begin))!;
  return text.slice(begin, begin + length.index + 1);
}

/** The members in the order of the source. */
function membersOf(item: ApiDeclaredItem): ApiDeclaredItem[] {
  if (!hasMembers(item)) return [];
  const declaration = declarationOf(item);
  const place = ({ displayName }: ApiItem) =>
    declaration.search(new RegExp(`^ {4}([a-z]+ )*${displayName.replaceAll(/[()]/g, '')}[?:;(< ]`, 'm'));
  return (item.members as ApiDeclaredItem[]).toSorted((a, b) => place(a) - place(b));
}

function methodsOf(item: ApiDeclaredItem): ApiDeclaredItem[] {
  return membersOf(item).filter(isMethod);
}

function hasMembers({ kind }: ApiItem): boolean {
  return kind === ApiItemKind.Class || kind === ApiItemKind.Interface;
}

function isMethod({ kind }: ApiItem): boolean {
  return kind === ApiItemKind.Method || kind === ApiItemKind.MethodSignature;
}

/** `Runner`, `Runner.open` */
function nameOf(item: ApiItem): string {
  return item.getScopedNameWithinPackage().replace(/\(\)$/, '');
}

async function formatMember(text: string): Promise<string> {
  const lines = (await formatText('member.ts', `declare class C {\n${text}\n}`, style)).split('\n');
  return lines
    .slice(1, -2)
    .map((line) => line.slice(2))
    .join('\n');
}

function fence(code: string): string {
  const text = code.replace(/^export (declare (?!const))?/, '').replaceAll(LINKS, '`$1`');
  return `\`\`\`ts\n${text}\n\`\`\``;
}

function isSchema(name: string): name is keyof typeof SCHEMAS {
  return Object.hasOwn(SCHEMAS, name);
}

function jsonSchemaOf(name: keyof typeof SCHEMAS): JsonSchema {
  const schema = z.toJSONSchema(SCHEMAS[name], { io: 'input', unrepresentable: 'any' });
  delete schema.$schema;
  return schema as JsonSchema;
}

/** The type of a schema's input, by name if it has one. */
function typeOf(schema: JsonSchema): string {
  const known = Object.keys(SCHEMAS).filter(isSchema);
  return known.find((name) => isDeepStrictEqual(jsonSchemaOf(name), schema)) ?? shapeOf(schema);
}

function shapeOf({
  anyOf,
  enum: values,
  items,
  properties,
  required,
  additionalProperties,
  type = 'unknown',
}: JsonSchema): string {
  if (anyOf) return [...new Set(anyOf.map(typeOf))].join(' | ');
  if (values) return values.map((value) => `'${value}'`).join(' | ');
  if (items) return `${typeOf(items)}[]`;
  if (additionalProperties) return `Record<string, ${typeOf(additionalProperties)}>`;
  if (!properties) return type === 'integer' ? 'number' : type;
  const fields = Object.entries(properties).map(([key, field]) => {
    const comment = field.description === undefined ? '' : `/** ${field.description} */\n`;
    return `${comment}${key}${required?.includes(key) ? '' : '?'}: ${typeOf(field)};\n`;
  });
  return `{\n${fields.join('')}}`;
}

/** The source file of a declaration. */
function sourceOf(path = ''): string {
  return relative(root, resolve(root, path))
    .replace(/^\.cache\/api-\w+/, 'src')
    .replace(/\.d\.ts$/, '.ts');
}
