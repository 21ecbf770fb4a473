export const unitName = 'towline-runner.service';

/** Variables for the runner, such as HTTPS_PROXY; it need not be there. */
export const environmentFile = '/etc/default/towline-runner';

export interface UnitOptions {
  /** The program with all its arguments. */
  readonly command: readonly string[];
  /** Made by systemd, readable by root alone; undefined when the state is somewhere else. */
  readonly stateDirectory: string | undefined;
  readonly memoryMaxMegabytes: number;
  readonly credentials: readonly UnitCredential[];
}

/** What systemd hands to the runner in $CREDENTIALS_DIRECTORY: systemd.exec(5), "Credentials". */
export interface UnitCredential {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  /** Written by systemd-creds(1), and deciphered by systemd with the device's TPM or its own key. */
  readonly encrypted: boolean;
}

/** Rights that a runner has no use for, though it is root; mounting and owning files stay. */
const droppedCapabilities = [
  ...['CAP_AUDIT_CONTROL', 'CAP_AUDIT_WRITE', 'CAP_BLOCK_SUSPEND', 'CAP_BPF', 'CAP_LEASE'],
  ...['CAP_LINUX_IMMUTABLE', 'CAP_MAC_ADMIN', 'CAP_MAC_OVERRIDE', 'CAP_NET_RAW', 'CAP_PERFMON'],
  ...['CAP_SYSLOG', 'CAP_SYS_BOOT', 'CAP_SYS_MODULE', 'CAP_SYS_PACCT', 'CAP_SYS_RAWIO'],
  ...['CAP_SYS_TIME', 'CAP_SYS_TTY_CONFIG', 'CAP_WAKE_ALARM'],
];

/**
 * The runner's unit, for systemd 247 (Debian 11) and newer.
 *
 * Nothing in it may give the runner a mount namespace of its own: systemd.exec(5) says that such a
 * namespace passes no mounts on to the system's, and containerd would not see the volumes that the
 * runner mounts. So there is no ProtectSystem=, PrivateTmp=, ProtectKernelModules= or the like.
 */
export function unitFile(options: UnitOptions): string {
  const { command, stateDirectory, memoryMaxMegabytes, credentials } = options;
  return `# Written by towline-runner install, which writes it anew; changes go into
# ${unitName}.d/*.conf ("systemctl edit towline-runner").
[Unit]
Description=Towline runner: the pods of an edge site
Wants=containerd.service
After=containerd.service network.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=all
ExecStart=${command.map(quote).join(' ')}
EnvironmentFile=-${environmentFile}
Restart=always
RestartSec=2s
WatchdogSec=3min
# Containers outlive the runner, and so does what it started for them.
KillMode=process
# Longer than the grace of all pods when the machine goes down.
TimeoutStopSec=60s
OOMScoreAdjust=-999
MemoryMax=${memoryMaxMegabytes}M
# Keys and Secrets are in the runner's memory.
LimitCORE=0
${stateDirectory === undefined ? '' : `StateDirectory=${stateDirectory}\nStateDirectoryMode=0700\n`}${credentials.map(credentialLine).join('')}
# No ProtectSystem=, PrivateTmp= and the like: in a mount namespace of its own the runner
# would mount volumes that containerd does not see.
NoNewPrivileges=yes
CapabilityBoundingSet=~${droppedCapabilities.join(' ')}
SystemCallArchitectures=native
SystemCallFilter=~@clock @cpu-emulation @debug @module @obsolete @raw-io @reboot @swap
SystemCallErrorNumber=EPERM
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
KeyringMode=private

[Install]
WantedBy=multi-user.target
`;
}

/** Its value is taken as it stands, but for % specifiers: quotes and $ would be part of name and path. */
function credentialLine({ name, path, encrypted }: UnitCredential): string {
  const setting = encrypted ? 'LoadCredentialEncrypted' : 'LoadCredential';
  return `${setting}=${name}:${path.replaceAll('%', '%%')}\n`;
}

/** A word of a unit's command line: systemd.service(5), "Command lines", and its % and $ specifiers. */
function quote(word: string): string {
  const escaped = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  if (/^[\w@%+=:,./$-]+$/.test(escaped)) return escaped;
  return `"${escaped.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
