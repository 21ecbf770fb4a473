import { pino } from 'pino';
import t from 'tap';
import { BandwidthLimiter } from '../../../../src/edge-runner/network/bandwidth-limiter.ts';
import type { Pod } from '../../../../src/kube/api.ts';
import { makePod } from '../pod/make-observed.ts';

const inside = { ifname: 'eth0', link_index: 7, linkinfo: { info_kind: 'veth' } };
const all = [
  { ifindex: 7, ifname: 'veth7' },
  { ifindex: 8, ifname: 'veth8' },
];

/** A device on which commands do what `answer` says, or nothing. */
function device(answer: (command: string) => unknown = () => undefined): {
  limiter: BandwidthLimiter;
  commands: string[];
} {
  const commands: string[] = [];
  const namespaces = [{ type: 'pid' }, { type: 'network', path: '/run/netns/cni-1' }];
  const info = { info: JSON.stringify({ runtimeSpec: { linux: { namespaces } } }) };
  const limiter = new BandwidthLimiter({
    cri: { podSandboxStatus: () => Promise.resolve({ status: undefined, info }) },
    run: (program, args) => {
      const command = [program, ...args].join(' ');
      if (!command.includes(' -j ')) commands.push(command);
      const given = answer(command);
      if (given instanceof Error) return Promise.reject(given);
      const known = command.startsWith('nsenter') ? [inside] : command.includes('ifb') ? [] : all;
      return Promise.resolve(JSON.stringify(given ?? known));
    },
    log: pino({ level: 'silent' }),
  });
  return { limiter, commands };
}

function podWith(annotations: Record<string, string>): Pod {
  const pod = makePod();
  return { ...pod, metadata: { ...pod.metadata, annotations } };
}

const slow = podWith({
  'kubernetes.io/ingress-bandwidth': '8M',
  'kubernetes.io/egress-bandwidth': '1k',
});

void t.test('each way has its bucket, set once, and what is left goes with the pod', async (t) => {
  const { limiter, commands } = device();
  await limiter.limit(makePod(), 'sandbox');
  t.same(commands, [], 'nothing without annotations');
  await limiter.limit(slow, 'sandbox');
  const [, middle = ''] = /link add (tlbw\w{11}) type ifb/.exec(commands.join('\n')) ?? [];
  t.same(commands.splice(0), [
    'tc qdisc replace dev veth7 root tbf rate 8000000bit burst 100000 latency 25ms',
    `ip link add ${middle} type ifb`,
    `ip link set ${middle} up`,
    `tc qdisc replace dev ${middle} root tbf rate 1000bit burst 16384 latency 25ms`,
    'tc qdisc delete dev veth7 ingress',
    'tc qdisc add dev veth7 handle ffff: ingress',
    `tc filter add dev veth7 parent ffff: protocol all u32 match u32 0 0 action mirred egress redirect dev ${middle}`,
  ]);
  await limiter.limit(slow, 'sandbox');
  t.same(commands, []);
  await limiter.lift('other');
  await limiter.lift('sandbox');
  t.same(commands.splice(0), [`ip link delete ${middle}`]);
  await limiter.lift('sandbox');
  t.same(commands, []);
});

void t.test(
  'after a start of the runner a pod’s own is kept, and what others left goes',
  async (t) => {
    const first = device();
    await first.limiter.limit(slow, 'kept');
    const [, middle = ''] = /link add (tlbw\w+)/.exec(first.commands.join('\n')) ?? [];
    const { limiter, commands } = device((command) =>
      command.endsWith('show type ifb')
        ? [{ ifname: middle }, { ifname: 'tlbw0123456789a' }, { ifname: 'ifb0' }]
        : undefined,
    );
    await limiter.keepOnly(['kept', 'another']);
    t.same(commands.splice(0), ['ip link delete tlbw0123456789a']);
    await limiter.limit(slow, 'kept');
    t.notOk(
      commands.some((command) => command.includes('link add')),
      'it is there already',
    );
  },
);

void t.test('where it cannot be done, it is said why and what to install', async (t) => {
  const missing = Object.assign(new Error('spawn tc ENOENT'), { code: 'ENOENT' });
  const withoutTc = device((command) => (command.startsWith('tc') ? missing : undefined));
  await t.rejects(withoutTc.limiter.limit(slow, 'sandbox'), {
    code: 'BANDWIDTH_UNAVAILABLE',
    message: /there is no tc\): install iproute2/,
  });
  const macvlan = device((command) =>
    command.startsWith('nsenter') ? [{ ...inside, linkinfo: { info_kind: 'macvlan' } }] : undefined,
  );
  await t.rejects(macvlan.limiter.limit(slow, 'sandbox'), {
    code: 'BANDWIDTH_UNAVAILABLE',
    message: /veth/,
  });
  t.notOk(
    macvlan.commands.some((command) => command.startsWith('tc')),
    'nothing else is touched',
  );
  await t.rejects(macvlan.limiter.limit(podWith({ 'kubernetes.io/egress-bandwidth': 'x' }), 'x'), {
    code: 'CONFIG_ERROR',
  });
});

void t.test('an interface whose making was given up is not left behind', async (t) => {
  const { limiter, commands } = device((command) =>
    command.includes('link add') ? new Error('ip has not ended within 30 s') : undefined,
  );
  await t.rejects(limiter.limit(slow, 'sandbox'), { code: 'BANDWIDTH_UNAVAILABLE' });
  t.match(commands.at(-1), /^ip link delete tlbw/);
});
