/** Sizes in bytes. Together they stay far below the server's limit of 2 MB for one payload. */
export const limits = {
  scriptBytes: 256 * 1024,
  planBytes: 1024 * 1024,
  /** Contents of files in a plan, together. */
  fileBytes: 256 * 1024,
  /** Files of the worker that a step places, together. */
  workerFileBytes: 32 * 1024 * 1024,
  steps: 64,
  /** Files of a step. */
  files: 64,
  stepNameLength: 40,
  /** Files that a plan may include. */
  includedFiles: 64,
  jumpHosts: 8,
  labels: 20,
  /** The server indexes 2,048 bytes of a search attribute, and fails a task that sets a longer one. */
  labelsBytes: 2000,
} as const;
