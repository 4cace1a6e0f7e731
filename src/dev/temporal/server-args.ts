export type SearchAttributeType = 'Text' | 'Keyword' | 'Int' | 'Double' | 'Bool' | 'Datetime' | 'KeywordList';

export interface DevServerLaunch {
  readonly port: number;
  readonly uiPort: number;
  readonly metricsPort: number;
  readonly httpPort: number;
  /** The one host name that the HTTP API answers to. */
  readonly httpHost: string;
  readonly namespace: string;
  readonly dbFile: string | undefined;
  readonly searchAttributes: Readonly<Record<string, SearchAttributeType>>;
}

export const IP = '127.0.0.1';

export function devServerArgs(launch: DevServerLaunch): string[] {
  const flags: [name: string, value: string | number][] = [
    ['ip', IP],
    ['port', launch.port],
    ['ui-port', launch.uiPort],
    ['metrics-port', launch.metricsPort],
    ['http-port', launch.httpPort],
    ['namespace', launch.namespace],
    ['log-level', 'error'],
    // At the default, 20 a second, every hop of a workflow takes 50 ms.
    ['dynamic-config-value', 'history.transferProcessorMaxPollRPS=1000'],
    // Experimental, so off by default.
    ['dynamic-config-value', 'frontend.WorkflowPauseEnabled=true'],
    // The HTTP API cannot be switched off, and accepts text/plain of any Origin: requests that every web page can send.
    ['dynamic-config-value', `frontend.httpAllowedHosts=["${launch.httpHost}"]`],
  ];
  for (const [name, type] of Object.entries(launch.searchAttributes))
    flags.push(['search-attribute', `${name}=${type}`]);
  // WAL without a sync has three times the throughput. Only a power failure can lose data.
  if (launch.dbFile !== undefined)
    flags.push(
      ['db-filename', launch.dbFile],
      ['sqlite-pragma', 'journal_mode=wal'],
      ['sqlite-pragma', 'synchronous=off'],
    );
  const rendered = flags.flatMap(([name, value]) => [`--${name}`, String(value)]);
  return ['server', 'start-dev', ...rendered, '--ui-disable-news-fetch'];
}
