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
  const { dbFile, searchAttributes, namespace } = launch;
  return [
    ...['server', 'start-dev', '--ip', IP, '--port', String(launch.port), '--ui-port', String(launch.uiPort)],
    ...['--metrics-port', String(launch.metricsPort), '--http-port', String(launch.httpPort)],
    ...['--log-level', 'error', '--ui-disable-news-fetch', '--namespace', namespace],
    // Its default, 20 a second, makes every hop of a workflow take 50 ms.
    ...['--dynamic-config-value', 'history.transferProcessorMaxPollRPS=1000'],
    ...(dbFile === undefined ? [] : ['--db-filename', dbFile, ...FAST_DATABASE]),
    ...Object.entries(searchAttributes).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]),
  ];
}

/** Three times the throughput. A killed server loses nothing by it; a power failure may cost the last moments. */
const FAST_DATABASE = ['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=off'];
