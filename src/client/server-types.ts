/** A worker that polls the task queue. */
export interface Poller {
  readonly identity: string;
  readonly workflows: boolean;
  readonly activities: boolean;
  /** Set for a worker that serves one build of a deployment. */
  readonly build?: { readonly deployment: string; readonly id: string };
}

/** A worker deployment; `current` is the build that new runs go to. */
export interface Deployment {
  readonly name: string;
  readonly current?: string;
}

/** What the Temporal server reports about itself, the client's namespace and its task queue. */
export interface ServerReports {
  /** The version of the server: `1.29.0`. */
  version(): Promise<string>;
  /** How long the namespace keeps closed runs; undefined if there is no such namespace. */
  retentionMs(): Promise<number | undefined>;
  /** The custom search attributes; values are those of `temporal.api.enums.v1.IndexedValueType`. */
  searchAttributes(): Promise<Readonly<Record<string, number>>>;
  /** Adds custom search attributes to the namespace. It may take seconds until the server lists them. */
  addSearchAttributes(types: Readonly<Record<string, number>>): Promise<void>;
  /** The workers that have polled the task queue in the last minutes, by identity. */
  pollers(): Promise<Poller[]>;
  /** A worker deployment by its name. */
  deployment(name: string): Promise<Deployment>;
  /** The encodings of the newest run's memo; undefined if there is no run. */
  newestMemo(): Promise<{ readonly workflowId: string; readonly encodings: readonly string[] } | undefined>;
}
