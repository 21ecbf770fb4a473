import { run, runChecked } from './command.ts';
import { LabError } from './lab-error.ts';
import type { LabNetwork } from './network.ts';
import { waitFor } from './wait.ts';

/** The names and addresses of one device's network; `number` counts the devices of a lab from 1. */
export interface DeviceNetworkPlan {
  readonly lab: LabNetwork;
  readonly number: number;
  /** The device's own namespace. */
  readonly namespace: string;
  /** The namespace of the router between the device and the lab's bridge. */
  readonly router: string;
  /** The end of the router's uplink that sits on the bridge. */
  readonly uplink: string;
  /** The router's address on the bridge: all that the outside ever sees of the device. */
  readonly publicAddress: string;
  /** The device's address behind the router, the same at every device. */
  readonly privateAddress: string;
  readonly podRange: string;
}

/** Payload and headers that passed a device's uplink, in bytes, since the router was made. */
export interface UplinkTraffic {
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

const routerPrivateAddress = '192.168.77.1';

/** Works out a device's network; makes nothing. */
export function planDeviceNetwork(
  lab: LabNetwork,
  number: number,
  name: string,
): DeviceNetworkPlan {
  return {
    lab,
    number,
    namespace: `${lab.bridge}-${name}`,
    router: `${lab.bridge}-${name}-router`,
    uplink: `${lab.bridge}d${number}`,
    publicAddress: lab.hostAddress.replace(/\.1$/, `.${number + 1}`),
    privateAddress: '192.168.77.2',
    podRange: `10.88.${number}.0/24`,
  };
}

/** Makes the router, which lets connections out under its own address and none in. */
export async function createRouter(plan: DeviceNetworkPlan): Promise<void> {
  const { router, uplink, lab } = plan;
  await ip(`netns add ${router}`);
  await withoutIpv6(router);
  await ip(`link add ${uplink} type veth peer name wan netns ${router}`);
  await ip(`link set ${uplink} master ${lab.bridge} up`);
  await inside(router, [
    'link set lo up',
    `address add ${plan.publicAddress}/24 dev wan`,
    'link set wan up',
    `route add default via ${lab.hostAddress}`,
  ]);
  await writeSetting(router, 'ip_forward', 'net/ipv4', '1');
  await runChecked('nsenter', [`--net=${namespacePath(router)}`, 'iptables-restore'], {
    input: [
      '*nat',
      '-A POSTROUTING -o wan -j MASQUERADE',
      'COMMIT',
      '*filter',
      ':INPUT DROP',
      ':FORWARD DROP',
      '-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT',
      '-A FORWARD -i lan -j ACCEPT',
      '-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT',
      'COMMIT',
      '',
    ].join('\n'),
  });
}

/** Makes the device's namespace, with an interface to its router that is still down. */
export async function createDeviceNamespace(plan: DeviceNetworkPlan): Promise<void> {
  const { namespace, router } = plan;
  await ip(`netns add ${namespace}`);
  await withoutIpv6(namespace);
  await ip(`-n ${router} link add lan type veth peer name eth0 netns ${namespace}`);
  await inside(router, [`address add ${routerPrivateAddress}/24 dev lan`, 'link set lan up']);
  await inside(namespace, [
    // containerd's streaming server listens on loopback.
    'link set lo up',
    `address add ${plan.privateAddress}/24 dev eth0`,
  ]);
}

/** Removes the device's namespace; the router stays. */
export async function removeDeviceNamespace(plan: DeviceNetworkPlan): Promise<void> {
  // With its namespace the link would vanish too, but only some time later.
  await run('ip', ['-n', plan.router, 'link', 'delete', 'lan']);
  await removeNamespace(plan.namespace);
}

/** Unplugs the device: its interface is down, and what it sends fails at once. */
export async function linkDown(plan: Pick<DeviceNetworkPlan, 'namespace'>): Promise<void> {
  await ip(`-n ${plan.namespace} link set eth0 down`);
}

/** Plugs it in again. */
export async function linkUp(plan: Pick<DeviceNetworkPlan, 'namespace'>): Promise<void> {
  await inside(plan.namespace, [
    'link set eth0 up',
    // Routes vanish with the link and don't come back with it.
    `route replace default via ${routerPrivateAddress}`,
  ]);
}

/** Which way what passes a device's uplink goes. */
export type UplinkDirection = 'to-cloud' | 'from-cloud';

/**
 * The router drops what goes one way or, by default, everything, and says nothing: a black hole, for
 * connections that exist too.
 */
export async function setBlackHole(
  plan: DeviceNetworkPlan,
  on: boolean,
  direction?: UplinkDirection,
): Promise<void> {
  const name = ['-m', 'comment', '--comment', `black hole ${direction ?? 'both ways'}`];
  const way = { 'to-cloud': ['-i', 'lan'], 'from-cloud': ['-o', 'lan'] };
  const rule = ['FORWARD', ...(direction ? way[direction] : []), ...name, '-j', 'DROP'];
  const iptables = (action: string): Promise<{ code: number }> =>
    run('nsenter', [`--net=${namespacePath(plan.router)}`, 'iptables', action, ...rule]);
  const isOn = (await iptables('--check')).code === 0;
  if (on === isOn) {
    return;
  }
  const { code } = await iptables(on ? '--insert' : '--delete');
  if (code !== 0) {
    throw new LabError('command-failed', `iptables in ${plan.router} ended with ${code}`);
  }
}

/** The two ends of a connection through a device's uplink. */
export type ConnectionEnd = 'device' | 'host';

/**
 * One end's kernel gives up the device's connections to a port of the host, and the other end hears
 * nothing of it: to that one they are half-open.
 */
export async function loseConnections(
  plan: DeviceNetworkPlan,
  end: ConnectionEnd,
  port: number,
): Promise<void> {
  await setBlackHole(plan, true);
  try {
    if (end === 'host') {
      await runChecked('ss', ['-K', '-tn', 'dst', plan.publicAddress, 'sport', '=', `:${port}`]);
    } else {
      const peer = ['dst', plan.lab.hostAddress, 'dport', '=', `:${port}`];
      const inside = `--net=${namespacePath(plan.namespace)}`;
      await runChecked('nsenter', [inside, 'ss', '-K', '-tn', ...peer]);
    }
  } finally {
    await setBlackHole(plan, false);
  }
}

/** Limits the uplink to so many kilobits (1000 bits) per second each way; undefined lifts the limit. */
export async function limitLink(
  plan: DeviceNetworkPlan,
  kbitPerS: number | undefined,
): Promise<void> {
  const ends: [string[], string][] = [
    [['-n', plan.router], 'wan'],
    [[], plan.uplink],
  ];
  for (const [where, link] of ends) {
    if (kbitPerS === undefined) {
      await liftLimit(where, link);
      continue;
    }
    // A bucket of 20 ms, but never less than two full frames.
    const burstBytes = Math.max(3_200, Math.round((kbitPerS * 1_000 * 0.02) / 8));
    const shape = [
      'tbf',
      'rate',
      `${kbitPerS}kbit`,
      'burst',
      String(burstBytes),
      'latency',
      '400ms',
    ];
    await runChecked('tc', [...where, 'qdisc', 'replace', 'dev', link, 'root', ...shape]);
  }
}

/** What waits in a slow link's queue goes out first: a link that gets faster loses nothing. */
async function liftLimit(where: readonly string[], link: string): Promise<void> {
  const fast = ['tbf', 'rate', '10gbit', 'burst', '10mb', 'latency', '400ms'];
  const changed = await run('tc', [...where, 'qdisc', 'change', 'dev', link, 'root', ...fast]);
  if (changed.code !== 0) return;
  await waitFor(
    async () => {
      const shown = await run('tc', [...where, '-s', 'qdisc', 'show', 'dev', link]);
      return /backlog 0b 0p/.test(shown.stdout);
    },
    { what: `the queue of ${link} to be sent`, timeoutMs: 10_000 },
  );
  await runChecked('tc', [...where, 'qdisc', 'delete', 'dev', link, 'root']);
}

/** What passed the uplink so far, as the router counted it. */
export async function readTraffic(plan: DeviceNetworkPlan): Promise<UplinkTraffic> {
  const text = await runChecked('ip', ['-n', plan.router, '-s', '-j', 'link', 'show', 'wan']);
  const [link] = JSON.parse(text) as { stats64: Record<'rx' | 'tx', { bytes: number }> }[];
  if (link === undefined) {
    throw new LabError('bad-answer', `${plan.router} has no uplink`);
  }
  return { sentBytes: link.stats64.tx.bytes, receivedBytes: link.stats64.rx.bytes };
}

/** Removes a namespace; its links, rules and addresses go with it. One that is gone already is fine. */
export async function removeNamespace(name: string): Promise<void> {
  await run('ip', ['netns', 'delete', name]);
}

/** Where a namespace can be entered. */
export function namespacePath(name: string): string {
  return `/run/netns/${name}`;
}

async function ip(command: string): Promise<void> {
  await runChecked('ip', command.split(' '));
}

async function inside(namespace: string, commands: readonly string[]): Promise<void> {
  await runChecked('ip', ['-n', namespace, '-batch', '-'], { input: `${commands.join('\n')}\n` });
}

/** IPv6 would send its own announcements, and a lab counts the bytes of an idle uplink. */
async function withoutIpv6(namespace: string): Promise<void> {
  await writeSetting(namespace, 'disable_ipv6', 'net/ipv6/conf/all', '1');
  await writeSetting(namespace, 'disable_ipv6', 'net/ipv6/conf/default', '1');
}

async function writeSetting(
  namespace: string,
  name: string,
  folder: string,
  value: string,
): Promise<void> {
  const path = `/proc/sys/${folder}/${name}`;
  const script = `[ ! -e ${path} ] || echo ${value} > ${path}`;
  await runChecked('nsenter', [`--net=${namespacePath(namespace)}`, 'sh', '-c', script]);
}
