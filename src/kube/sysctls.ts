import type { PodSpec } from './api.ts';

/**
 * Why a pod's sysctls are refused, in a kubelet's words; undefined when all of them are safe or
 * allowed, and belong to a namespace of the pod's own. `allowedUnsafe`: names, or prefixes that end
 * in `*`.
 * Source: Kubernetes, "Using sysctls in a Kubernetes Cluster"; kubelet, pkg/kubelet/sysctl.
 */
export function forbiddenSysctl(
  spec: PodSpec,
  allowedUnsafe: readonly string[] = [],
): string | undefined {
  for (const { name } of spec.securityContext?.sysctls ?? []) {
    const problem = problemOf(sysctlName(name), spec, allowedUnsafe);
    if (problem !== undefined) return `forbidden sysctl: ${problem}`;
  }
  return undefined;
}

/** A pod's sysctls as the kernel names them. */
export function sysctlsOf(spec: PodSpec): Record<string, string> {
  const { sysctls = [] } = spec.securityContext ?? {};
  return Object.fromEntries(sysctls.map(({ name, value }) => [sysctlName(name), value]));
}

const safe = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_wmem',
]);

function problemOf(
  name: string,
  spec: PodSpec,
  allowedUnsafe: readonly string[],
): string | undefined {
  const allowed = allowedUnsafe.some((pattern) =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
  );
  const namespace = namespaceOf(name);
  if (namespace === undefined || (!safe.has(name) && !allowed)) return `"${name}" not allowlisted`;
  const shared = namespace === 'Net' ? spec.hostNetwork : spec.hostIPC;
  return shared === true ? `"${name}" not allowed with host ${namespace} enabled` : undefined;
}

/** Which of a pod's namespaces has a value of its own; undefined: it is the whole device's. */
function namespaceOf(name: string): 'IPC' | 'Net' | undefined {
  if (name.startsWith('net.')) return 'Net';
  return /^(kernel\.(sem|shm|msg)|fs\.mqueue\.)/.test(name) ? 'IPC' : undefined;
}

/** With slashes the first separator decides: `net/ipv4/conf/eth0.1/…` keeps its dot as a slash. */
function sysctlName(name: string): string {
  const separator = /[./]/.exec(name)?.[0];
  if (separator !== '/') return name;
  return name.replaceAll(/[./]/g, (each) => (each === '/' ? '.' : '/'));
}
