/** The configuration of a host's sshd: keys only, everything else as OpenSSH has it by default. */
export function sshdConfig(listen: string, port: number): string {
  return [
    `ListenAddress ${listen}:${port}`,
    'HostKey /etc/sandbox/host_key',
    'PidFile /run/sandbox/sshd.pid',
    'AuthorizedKeysFile .ssh/authorized_keys',
    'PermitRootLogin prohibit-password',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'UsePAM no',
    'UseDNS no',
    'PrintMotd no',
    'Subsystem sftp internal-sftp',
    '',
  ].join('\n');
}
