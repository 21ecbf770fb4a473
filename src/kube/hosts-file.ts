import type { HostAlias } from './api.ts';

export interface HostsFileInput {
  podIPs: string[];
  hostname: string;
  /** Empty when the pod has none. */
  domain: string;
  hostAliases?: HostAlias[] | undefined;
  /** The device's own file, for a pod on the host's network. */
  nodeHostsFile?: string;
}

/**
 * Content of a pod's `/etc/hosts`.
 * Source: kubelet, managedHostsFileContent and nodeHostsFileContent.
 */
export function hostsFileContent(input: HostsFileInput): string {
  const base =
    input.nodeHostsFile === undefined
      ? ownEntries(input)
      : `# Kubernetes-managed hosts file (host network).\n${input.nodeHostsFile}`;
  return base + aliasEntries(input.hostAliases ?? []);
}

const loopbackEntries = `# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
`;

function ownEntries({ podIPs, hostname, domain }: HostsFileInput): string {
  const names = domain === '' ? hostname : `${hostname}.${domain}\t${hostname}`;
  return loopbackEntries + podIPs.map((ip) => `${ip}\t${names}\n`).join('');
}

function aliasEntries(aliases: HostAlias[]): string {
  if (aliases.length === 0) return '';
  const lines = aliases.map(({ ip, hostnames }) => `${ip}\t${(hostnames ?? []).join('\t')}\n`);
  return `\n# Entries added by HostAliases.\n${lines.join('')}`;
}
