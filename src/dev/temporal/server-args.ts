export type SearchAttributeType = 'Text' | 'Keyword' | 'Int' | 'Double' | 'Bool' | 'Datetime' | 'KeywordList';

/** One start of a dev server: everything decided. */
export interface DevServerLaunch {
  readonly port: number;
  readonly uiPort: number;
  readonly metricsPort: number;
  readonly httpPort: number;
  readonly namespace: string;
  readonly dbFile: string | undefined;
  readonly searchAttributes: Readonly<Record<string, SearchAttributeType>>;
}

export const IP = '127.0.0.1';

/** The arguments of `temporal` for one start. */
export function devServerArgs(launch: DevServerLaunch): string[] {
  const flags: [name: string, value: string | number][] = [
    ['ip', IP],
    ['port', launch.port],
    ['ui-port', launch.uiPort],
    ['metrics-port', launch.metricsPort],
    ['http-port', launch.httpPort],
    ['namespace', launch.namespace],
    ['log-level', 'error'],
    // Its default, 20 a second, makes every hop of a workflow take 50 ms.
    ['dynamic-config-value', 'history.transferProcessorMaxPollRPS=1000'],
    ...Object.entries(launch.searchAttributes).map(([name, type]) => attributeFlag(name, type)),
    ...(launch.dbFile === undefined ? [] : databaseFlags(launch.dbFile)),
  ];
  const rendered = flags.flatMap(([name, value]) => [`--${name}`, String(value)]);
  return ['server', 'start-dev', ...rendered, '--ui-disable-news-fetch'];
}

function attributeFlag(name: string, type: SearchAttributeType): [string, string] {
  return ['search-attribute', `${name}=${type}`];
}

/** WAL without a sync: three times the throughput. A killed server loses nothing by it, a power failure may. */
function databaseFlags(file: string): [string, string][] {
  return [
    ['db-filename', file],
    ['sqlite-pragma', 'journal_mode=wal'],
    ['sqlite-pragma', 'synchronous=off'],
  ];
}
