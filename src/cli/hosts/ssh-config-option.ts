import type { Command } from 'commander';

/** `false`: ssh_config is not read. A text: the file to read in place of the usual ones. */
export interface SshConfigOptions {
  readonly sshConfig?: string | boolean;
}

export function withSshConfigOption(command: Command): Command {
  return command
    .option('--ssh-config <file>', "read this instead of ssh's usual configuration")
    .option('--no-ssh-config', 'do not read the configuration of ssh');
}
