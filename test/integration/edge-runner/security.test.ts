import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { buildImage } from '../../../hack/lab/images.ts';
import { createLab } from '../../../hack/lab/lab.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { sweepLabs } from '../../../hack/lab/remove-lab.ts';
import { hasAppArmor } from '../../../src/edge-runner/host/app-armor.ts';
import type { Container, PodSpec } from '../../../src/kube/api.ts';
import { asDesired, Engine, makePod } from './engine.ts';
import { PodScene, scripted } from './pod-scene.ts';
import { rejections } from './rejections.ts';
import { resolvers } from './resolvers.ts';

const progress = (line: string): void => {
  t.comment(line);
};

t.setTimeout(180_000);
await ensurePackages(progress);
await sweepLabs({ progress });
const lab = await createLab({ name: `security-${process.pid}`, progress });
const device = await lab.startDevice({ name: 'd' });
const engine = await Engine.start(device);
t.teardown(async () => {
  await engine.stop();
  await lab.stop();
});

const shell = scripted;
const scene = new PodScene(device, engine);
const run = scene.run.bind(scene);

void t.test('safe sysctls are set, unsafe ones only where they are allowed', async (t) => {
  const values =
    'cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/core/somaxconn /proc/sys/kernel/shm_rmid_forced';
  const { output } = await run('tuned', shell(values), {
    securityContext: {
      sysctls: [
        { name: 'net.ipv4.ip_unprivileged_port_start', value: '77' },
        { name: 'net.core.somaxconn', value: '99' },
        { name: 'kernel/shm_rmid_forced', value: '1' },
      ],
    },
  });
  t.equal(output, '77\n99\n1\n');
  const { status } = await run('mistuned', shell('true'), {
    securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] },
  });
  t.match(status, {
    reason: 'SysctlForbidden',
    message: 'Pod was rejected: forbidden sysctl: "kernel.msgmax" not allowlisted',
  });
  t.ok(
    engine.outbox
      .take()
      .events.some(
        ({ reason, message }) =>
          reason === 'SysctlForbidden' &&
          message === 'forbidden sysctl: "kernel.msgmax" not allowlisted',
      ),
  );
});

void t.test('sysctls of a namespace that the pod shares are refused', async (t) => {
  const sysctls = [{ name: 'net.ipv4.tcp_syncookies', value: '0' }];
  const shared = { hostNetwork: true, securityContext: { sysctls } };
  t.match((await run('sharing', shell('true'), shared)).status, {
    reason: 'SysctlForbidden',
    message:
      'Pod was rejected: forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host Net enabled',
  });
});

const confined = await hasAppArmor();

void t.test('AppArmor where there is none is refused', { skip: confined }, async (t) => {
  const securityContext = { appArmorProfile: { type: 'RuntimeDefault' } } as const;
  t.match((await run('confined', shell('true', { securityContext }))).status, {
    ...{ phase: 'Failed', reason: 'AppArmor' },
    message: 'Pod was rejected: Cannot enforce AppArmor: AppArmor is not enabled on the host',
  });
});

void t.test('a seccomp profile of the device’s own', async (t) => {
  const profiles = join(device.dir, 'towline', 'seccomp');
  await mkdir(profiles, { recursive: true });
  const profile = {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }],
  };
  await writeFile(join(profiles, 'no-folders.json'), JSON.stringify(profile));
  const localhost = (localhostProfile: string): Container =>
    shell('mkdir /tmp/x || echo refused', {
      securityContext: { seccompProfile: { type: 'Localhost', localhostProfile } },
    });
  t.match((await run('seccomp', localhost('no-folders.json'))).output, /refused/);
  const pod = makePod('outside', { containers: [localhost('../../etc/passwd')] });
  engine.put(asDesired('Pod', pod));
  await engine.until(
    pod,
    'refused',
    ({ containerStatuses: [main] = [] }) =>
      main?.state.waiting?.reason === 'CreateContainerConfigError',
  );
  engine.remove(pod);
});

void t.test('what a pod says for all its containers', async (t) => {
  const look = shell('id -u; id -g; grep Seccomp: /proc/self/status');
  const { output } = await run('for-all', look, {
    securityContext: {
      ...{ runAsUser: 1000, runAsGroup: 2000 },
      seccompProfile: { type: 'RuntimeDefault' },
    },
  });
  t.equal(output, '1000\n2000\nSeccomp:\t2\n');
});

void t.test('the whole of /proc, or most of it', async (t) => {
  const look = shell('grep -c " /proc/" /proc/mounts');
  t.equal((await run('masked', look)).output.trim() === '0', false);
  const unmasked = { ...look, securityContext: { procMount: 'Unmasked' } } as const;
  t.equal((await run('unmasked', unmasked)).output.trim(), '0');
});

void t.test('an image that runs as root is refused where nothing may', async (t) => {
  const pod = makePod('rootless', {
    containers: [shell('true', { securityContext: { runAsNonRoot: true } })],
  });
  engine.put(asDesired('Pod', pod));
  const status = await engine.until(
    pod,
    'refused',
    ({ containerStatuses: [main] = [] }) =>
      main?.state.waiting?.reason !== undefined &&
      main.state.waiting.reason !== 'ContainerCreating',
  );
  t.match(status.containerStatuses?.[0]?.state.waiting, {
    reason: 'CreateContainerConfigError',
    message: /^container has runAsNonRoot and image will run as root \(pod: "rootless_berlin/,
  });
  engine.remove(pod);
  const asRoot = makePod('root', {
    securityContext: { runAsNonRoot: true, runAsUser: 0 },
    containers: [shell('true')],
  });
  engine.put(asDesired('Pod', asRoot));
  const refused = await engine.until(
    asRoot,
    'refused',
    ({ containerStatuses: [main] = [] }) =>
      main?.state.waiting?.reason === 'CreateContainerConfigError',
  );
  t.match(refused.containerStatuses?.[0]?.state.waiting, {
    message:
      /^container's runAsUser breaks non-root policy \(pod: "root_berlin\(.*", container: main\)$/,
  });
  engine.remove(asRoot);
  const { output } = await run(
    'user',
    shell('id', { securityContext: { runAsNonRoot: true, runAsUser: 1000, runAsGroup: 2000 } }),
    { securityContext: { fsGroup: 3000, supplementalGroups: [4000] } },
  );
  t.match(output, /uid=1000 gid=2000 groups=2000,(3000,4000|4000,3000)/);
});

void t.test(
  'what a process may: capabilities, new rights, system calls, its own files',
  async (t) => {
    const look =
      'grep -E "^(CapEff|NoNewPrivs|Seccomp):" /proc/self/status; touch /here && echo written';
    const lookWith = async (
      name: string,
      securityContext: NonNullable<Container['securityContext']>,
    ): Promise<string> => (await run(name, shell(look, { securityContext }))).output;
    const ordinary = await lookWith('ordinary', {});
    t.match(ordinary, /CapEff:\t00000000a80425fb\n/, 'those that containerd gives');
    t.match(ordinary, /NoNewPrivs:\t0\n/);
    t.match(ordinary, /Seccomp:\t0\n/, 'none unless it is asked for');
    t.match(ordinary, /written/);
    const strict = await lookWith('strict', {
      capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    t.match(strict, /CapEff:\t0000000000000400\n/);
    t.match(strict, /NoNewPrivs:\t1\n/);
    t.match(strict, /Seccomp:\t2\n/);
    t.match(strict, /Read-only file system/);
    t.notMatch(strict, /written/);
    const profile = { seccompProfile: { type: 'RuntimeDefault' } } as const;
    const own = shell(look, { securityContext: { seccompProfile: { type: 'Unconfined' } } });
    const { output } = await run('own', own, { securityContext: profile });
    t.match(output, /Seccomp:\t0\n/, 'a container’s own word counts before its pod’s');
    const added = await lookWith('added', { capabilities: { add: ['NET_ADMIN'], drop: ['KILL'] } });
    t.match(added, /CapEff:\t00000000a80435db\n/);
    const privileged = await lookWith('privileged', { privileged: true });
    const [, all = ''] = /CapEff:\t([0-9a-f]+)/.exec(privileged) ?? [];
    t.ok(BigInt(`0x${all}`) > 0xa80425fbn, `all that this machine has: ${all}`);
  },
);

void t.test('an image’s own user, by number or by name', async (t) => {
  for (const [image, user] of [
    ['by-name', 'nobody'],
    ['by-number', '65534:65534'],
  ] as const) {
    const tar = join(device.dir, `${image}.tar`);
    const name = `docker.io/library/${image}:1`;
    await buildImage(tar, { name, config: { user } }, { progress });
    await device.importImage(tar);
  }
  const as = async (image: string, more: Partial<Container> = {}): Promise<string> => {
    const container = shell('id', { image: `${image}:1`, ...more });
    return (await run(`${image}-${Object.keys(more).length}`, container)).output;
  };
  const nonRoot = { securityContext: { runAsNonRoot: true } };
  t.match(await as('by-name'), /uid=65534\(nobody\)/);
  t.match(await as('by-number', nonRoot), /uid=65534\(nobody\) gid=65534/);
  const pod = makePod('named', { containers: [shell('id', { image: 'by-name:1', ...nonRoot })] });
  engine.put(asDesired('Pod', pod));
  const refused = await engine.until(
    pod,
    'refused',
    ({ containerStatuses: [main] = [] }) =>
      main?.state.waiting?.reason === 'CreateContainerConfigError',
  );
  t.match(refused.containerStatuses?.[0]?.state.waiting?.message, /non-numeric user \(nobody\)/);
  engine.remove(pod);
});

void t.test('a pod that finds no room is rejected, and one that ended makes room', async (t) => {
  const whole = { resources: { requests: { cpu: engine.context.node.allocatable['cpu'] ?? '' } } };
  const first = makePod('large', { containers: [shell('sleep 1000', whole)] });
  engine.put(asDesired('Pod', first));
  await engine.until(first, 'Running', ({ phase }) => phase === 'Running');
  const { status } = await run('larger', shell('true', whole));
  t.match(status, {
    ...{ phase: 'Failed', reason: 'OutOfcpu' },
    message: /^Pod was rejected: Node didn't have enough resource: cpu, requested: \d+, used: /,
  });
  t.same(status.containerStatuses, undefined);
  engine.remove(first);
  t.match((await run('larger-again', shell('true', whole))).status, { phase: 'Succeeded' });
});

void t.test('two pods cannot have the same port of the device', async (t) => {
  const listening = { ports: [{ containerPort: 80, hostPort: 18_080 }] };
  const first = makePod('listens', { containers: [shell('sleep 1000', listening)] });
  engine.put(asDesired('Pod', first));
  const { status } = await run('listens-too', shell('true', listening));
  t.match(status, { reason: 'NodePorts' });
  const elsewhere = { ports: [{ containerPort: 80, hostPort: 18_080, hostIP: '192.168.77.2' }] };
  const here = await run('listens-here', shell('true', elsewhere));
  t.match(here.status, { reason: 'NodePorts' }, 'every address is this one, too');
  const sidecar = { ...shell('true', listening), name: 'beside', restartPolicy: 'Always' } as const;
  const beside = await run('listens-beside', shell('true'), { initContainers: [sidecar] });
  t.match(beside.status, { reason: 'NodePorts' }, 'that of a sidecar');
  const overUdp = { ports: [{ containerPort: 80, hostPort: 18_080, protocol: 'UDP' as const }] };
  t.match((await run('listens-by-udp', shell('true', overUdp))).status, { phase: 'Succeeded' });
  engine.remove(first);
});

void t.test('names and DNS of a pod', async (t) => {
  const { output } = await run(
    'named',
    shell('hostname; cat /etc/resolv.conf; grep db /etc/hosts'),
    {
      ...{ hostname: 'db-0', subdomain: 'db', setHostnameAsFQDN: true },
      dnsConfig: { options: [{ name: 'timeout', value: '3' }] },
    },
  );
  t.match(output, /^db-0\.db\.berlin\.svc\.cluster\.local\n/);
  t.match(output, /search berlin\.svc\.cluster\.local svc\.cluster\.local cluster\.local/);
  t.match(output, /nameserver 10\.96\.0\.10\n/);
  t.match(output, /options ndots:5 timeout:3/);
  t.match(output, /\d\tdb-0\.db\.berlin\.svc\.cluster\.local\tdb-0/);
  const pod = makePod('overlong', {
    ...{ hostname: 'x'.repeat(40), subdomain: 'y'.repeat(40), setHostnameAsFQDN: true },
    containers: [shell('true')],
  });
  engine.put(asDesired('Pod', pod));
  const events: string[] = [];
  await engine.until(pod, 'failing', () => {
    for (const { reason, message } of engine.outbox.take().events)
      events.push(`${reason} ${message}`);
    return events.some((event) => /^FailedCreatePodSandBox .*is too long/.test(event));
  });
  engine.remove(pod);
});

void t.test('a pod that selects another node is rejected', async (t) => {
  engine.put(
    asDesired('Node', { metadata: { name: 'd.test', namespace: '', labels: { zone: 'a' } } }),
  );
  const on = (zone: string): Partial<PodSpec> => ({ nodeSelector: { zone } });
  t.match((await run('elsewhere', shell('true'), on('b'))).status, {
    reason: 'NodeAffinity',
    message: /didn't match Pod's node affinity\/selector$/,
  });
  t.match((await run('here', shell('true'), on('a'))).status, { phase: 'Succeeded' });
});

void t.test('namespaces that a pod shares, with itself or with the device', async (t) => {
  const init = 'cat /proc/1/comm; hostname';
  const own = await run('own', shell(init));
  t.match(own.output, /^sh\nown\n$/);
  const shared = await run('shared', shell(init), { shareProcessNamespace: true });
  t.match(shared.output, /^pause\n/);
  const device = await run('host', shell(`${init}; ls /sys/class/net`), {
    ...{ hostNetwork: true, hostPID: true, hostIPC: true },
  });
  t.notMatch(device.output, /^(sh|pause)\n/);
  t.notMatch(device.output, /\nhost\n/);
  const aliases = [{ ip: '192.0.2.9', hostnames: ['one.example', 'two.example'] }];
  const kinds = ['net', 'pid', 'ipc'];
  const look = kinds.map((kind) => `readlink /proc/self/ns/${kind}`).join('; ');
  const { stdout } = await scene.device.run('sh', ['-c', look]);
  const ofHost = stdout.trim().split('\n');
  const fields = { net: 'hostNetwork', pid: 'hostPID', ipc: 'hostIPC' };
  for (const [shared, field] of Object.entries(fields)) {
    const { output } = await run(`host-${shared}`, shell(look), { [field]: true });
    const same = output
      .trim()
      .split('\n')
      .map((each, place) => each === ofHost[place]);
    t.same(
      same,
      kinds.map((kind) => kind === shared),
      field,
    );
  }
  const named = await run('aliases', shell('grep example /etc/hosts'), { hostAliases: aliases });
  t.match(named.output, /^192\.0\.2\.9\tone\.example\ttwo\.example/);
});

void t.test('how soon the kernel kills a container for memory', async (t) => {
  const score = shell('cat /proc/self/oom_score_adj');
  t.equal((await run('best-effort', score)).output, '1000\n');
  const half = String(Math.floor(engine.context.node.memoryBytes / 2));
  const resources = { requests: { memory: half } };
  t.match((await run('half', { ...score, resources })).output, /^50[01]\n$/);
  t.match((await run('half-as-a-whole', score, { resources })).output, /^50[01]\n$/);
});

void t.test('pods that are not for this device', (t) => rejections(t, scene));

void t.test('resolvers', (t) => resolvers(t, scene));
