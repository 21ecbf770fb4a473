import { isIP } from 'node:net';
import type { ClusterDns } from '../../kube/dns.ts';
import { logLevels } from '../control/messages.ts';
import { isPodCidr } from '../network/cidr.ts';
import { parseDuration } from '../../kube/duration.ts';
import { KubeRuleError } from '../../kube/kube-rule-error.ts';
import { RunnerError } from '../errors.ts';
import type { ShutdownGrace } from '../pod/drain-pods.ts';
import { keyCredential } from '../join/given-key.ts';
import { parseFlags } from './parse-flags.ts';

export const defaultContainerdSocket = '/run/containerd/containerd.sock';
export const defaultLogRoot = '/var/log/pods';
import type { SvidOptions } from '../join/svid-credentials.ts';
import { parseSvidOptions, svidHelp, svidOptionTypes } from './svid-options.ts';
import {
  parseUpkeepOptions,
  upkeepHelp,
  upkeepOptionTypes,
  type UpkeepOptions,
} from './upkeep-options.ts';

export interface RunOptions {
  stateDir: string;
  memoryDir: string;
  containerdSocket: string;
  logRoot: string;
  cgroupRoot: string;
  clusterDns: ClusterDns;
  allowedUnsafeSysctls: string[];
  /** Ranges of the pod network that the runner sets up; chosen when undefined. */
  podCidrs: string[] | undefined;
  /** Whether pods end with the runner. */
  drain: boolean;
  shutdownGrace: ShutdownGrace;
  logLevel: string;
  /** Where containerd serves its own metrics, if it does. */
  containerdMetrics: string | undefined;
  /** The folder of static pods, if there is one. */
  staticPodDir: string | undefined;
  upkeep: UpkeepOptions;
  /** The identity by an outside authority; undefined where the device has joined. */
  svid: SvidOptions | undefined;
  /** The file of the device's key, where it isn't in the state directory; undefined: as systemd's credential. */
  keyFile: string | undefined;
}

export const runHelp = `Usage: towline-runner run [options]

Keeps this device connected and its pods running. The device must have joined a site, or have an SVID.

  --state-dir DIR      identity, store and pod volumes (default /var/lib/towline)
  --key-file FILE      the key that the device joined with, where that was "join --key-file"; mode 0600
                       (default: systemd's credential ${keyCredential})
  --memory-dir DIR     secrets and tokens in use, on a tmpfs (default /run/towline)
  --containerd SOCKET  containerd's socket (default ${defaultContainerdSocket})
  --log-dir DIR        container logs (default ${defaultLogRoot})
  --cgroup-root NAME   cgroup above all pods' (default kubepods)
  --cluster-dns IPS    DNS servers of the cluster for pods, with commas (default none)
  --cluster-domain D   domain of the cluster's DNS names (default cluster.local)
  --allowed-unsafe-sysctls NAMES
                       sysctls besides the safe ones that pods may set, with commas;
                       a * at the end stands for anything (default none)
  --containerd-metrics HOST:PORT
                       where containerd serves its own metrics ([metrics] in its config.toml);
                       shown with the runner's at the node's /metrics (default: not asked)
  --pod-cidr CIDR[,CIDR]
                       addresses of pods on a device without a CNI configuration: IPv4, IPv6 or both
                       (default the Node's spec.podCIDRs; where the cluster gives it none,
                       a /24 that the device has no route into)
  --static-pod-dir DIR pods of the device itself, a file each in YAML or JSON; they run with and
                       without a link (default none)
  --drain              on SIGTERM end the pods, too; they start again with the next run. Without it
                       they stay up, unless systemd is shutting the machine down
  --shutdown-grace-period DURATION
                       how long all pods together may take to end then (default 30s)
  --shutdown-grace-period-critical-pods DURATION
                       the part of it that is left to critical pods, which end last (default 10s)
  --log-level LEVEL    trace, debug, info, warn, error or fatal (default info)
  -h, --help           show this text
${upkeepHelp}${svidHelp}
HTTPS_PROXY and NO_PROXY are honoured.
`;

const optionTypes = {
  'state-dir': { type: 'string', default: '/var/lib/towline' },
  'key-file': { type: 'string' },
  'memory-dir': { type: 'string', default: '/run/towline' },
  containerd: { type: 'string', default: defaultContainerdSocket },
  'log-dir': { type: 'string', default: defaultLogRoot },
  'cgroup-root': { type: 'string', default: 'kubepods' },
  'cluster-dns': { type: 'string', default: '' },
  'cluster-domain': { type: 'string', default: 'cluster.local' },
  'allowed-unsafe-sysctls': { type: 'string', default: '' },
  'pod-cidr': { type: 'string' },
  drain: { type: 'boolean', default: false },
  'shutdown-grace-period': { type: 'string', default: '30s' },
  'shutdown-grace-period-critical-pods': { type: 'string', default: '10s' },
  'log-level': { type: 'string', default: 'info' },
  'containerd-metrics': { type: 'string' },
  'static-pod-dir': { type: 'string' },
  ...upkeepOptionTypes,
  ...svidOptionTypes,
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** `argv` begins after `run`. @throws RunnerError `USAGE` */
export function parseRunOptions(argv: readonly string[]): RunOptions | 'help' {
  const values = parseFlags('run', argv, optionTypes);
  if (values.help) return 'help';
  if (!logLevels.some((level) => level === values['log-level'])) {
    throw new RunnerError(
      'USAGE',
      `--log-level: "${values['log-level']}" is none of ${logLevels.join(', ')}`,
    );
  }
  return {
    stateDir: values['state-dir'],
    memoryDir: values['memory-dir'],
    containerdSocket: values.containerd,
    logRoot: values['log-dir'],
    cgroupRoot: values['cgroup-root'],
    clusterDns: { servers: addressList(values['cluster-dns']), domain: values['cluster-domain'] },
    allowedUnsafeSysctls: list(values['allowed-unsafe-sysctls']),
    podCidrs: parsePodCidrs(values['pod-cidr']),
    drain: values.drain,
    shutdownGrace: shutdownGrace(
      values['shutdown-grace-period'],
      values['shutdown-grace-period-critical-pods'],
    ),
    logLevel: values['log-level'],
    containerdMetrics: values['containerd-metrics'],
    staticPodDir: values['static-pod-dir'],
    upkeep: parseUpkeepOptions(values),
    svid: parseSvidOptions(values),
    keyFile: parseKeyFile(values['key-file'], values['svid-file']),
  };
}

function parseKeyFile(file: string | undefined, svid: string | undefined): string | undefined {
  if (file === undefined || svid === undefined) return file;
  throw new RunnerError('USAGE', '--key-file: the key of an SVID is given by --svid-key-file');
}

function addressList(text: string): string[] {
  const addresses = list(text);
  const wrong = addresses.find((address) => isIP(address) === 0);
  if (wrong === undefined) return addresses;
  throw new RunnerError('USAGE', `--cluster-dns: "${wrong}" is no IP address`);
}

function list(text: string): string[] {
  return text.split(',').filter((part) => part !== '');
}

function parsePodCidrs(text: string | undefined): string[] | undefined {
  const cidrs = text?.split(',').map((cidr) => cidr.trim());
  const wrong = cidrs?.find((cidr) => !isPodCidr(cidr));
  if (wrong !== undefined) {
    throw new RunnerError('USAGE', `--pod-cidr: "${wrong}" is no range such as 10.1.2.0/24`);
  }
  const families = cidrs?.map((cidr) => (cidr.includes(':') ? 6 : 4)) ?? [];
  if (new Set(families).size < families.length) {
    throw new RunnerError(
      'USAGE',
      '--pod-cidr: give one range of IPv4, one of IPv6, or one of each',
    );
  }
  return cidrs;
}

function shutdownGrace(total: string, critical: string): ShutdownGrace {
  const totalMs = durationMs('--shutdown-grace-period', total);
  const criticalMs = durationMs('--shutdown-grace-period-critical-pods', critical);
  if (criticalMs > totalMs) {
    throw new RunnerError(
      'USAGE',
      `--shutdown-grace-period-critical-pods: ${critical} is more than the whole, ${total}`,
    );
  }
  return { totalMs, criticalMs };
}

function durationMs(flag: string, text: string): number {
  try {
    return parseDuration(text);
  } catch (cause) {
    if (!(cause instanceof KubeRuleError)) throw cause;
    throw new RunnerError('USAGE', `${flag}: ${cause.message}`, { cause });
  }
}
