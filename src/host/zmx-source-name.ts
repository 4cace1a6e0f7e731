/**
 * `release`: an archive of zmx's author with a pinned checksum. `file`: a file of the worker. `tmux`: a shell program with zmx's
 * command line over the host's tmux.
 */
export type ZmxSourceName = 'release' | 'file' | 'tmux';
