import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { cgroupFolders } from '../../hack/lab/cgroups.ts';
import { runChecked } from '../../hack/lab/command.ts';
import { findControlPlanes } from '../../hack/lab/control-planes.ts';
import type { Device } from '../../hack/lab/device.ts';
import { busyboxImage, buildImage } from '../../hack/lab/images.ts';
import { shimSockets } from '../../hack/lab/kill-device.ts';
import { kubectl, kubectlChecked } from '../../hack/lab/kubectl.ts';
import { createLab } from '../../hack/lab/lab.ts';
import { mountsUnder } from '../../hack/lab/mounts.ts';
import { labMark, readOwned } from '../../hack/lab/ownership.ts';
import { ensurePackages } from '../../hack/lab/packages.ts';
import { findProcesses } from '../../hack/lab/process-scan.ts';
import { labBaseDir, sweepLabs } from '../../hack/lab/remove-lab.ts';
import { waitFor } from '../../hack/lab/wait.ts';
import { CriClient } from '../../src/edge-runner/cri/cri-client.ts';
import { GrpcChannel } from '../../src/edge-runner/cri/grpc-channel.ts';
import { lostWays } from './lab/lost-ways.ts';

const progress = (line: string): void => {
  t.comment(line);
};

// The first run on a machine builds a control plane.
t.setTimeout(900_000);
await ensurePackages(progress);
const { found, skipped } = await findControlPlanes(progress);
for (const { dir, reason } of skipped) {
  t.comment(`no control plane in ${dir}: ${reason}`);
}

for (const binaries of found) {
  await t.test(`the control plane ${binaries.name} serves, and knows who asks`, async (t) => {
    const lab = await createLab({ name: `plane-${process.pid}`, progress });
    t.teardown(() => lab.stop());
    const startedAtMs = performance.now();
    const plane = await lab.startControlPlane({ binaries });
    t.comment(`ready after ${Math.round(performance.now() - startedAtMs)} ms`);

    const version = await kubectlChecked(plane.adminKubeconfig, ['get', '--raw', '/version']);
    t.match(version, `"gitVersion": "v${binaries.version}"`);

    const nobody = await plane.kubeconfigFor('nobody', ['strangers']);
    const refused = await kubectl(nobody, ['get', 'pods']);
    t.match(refused.stderr, /User "nobody" cannot list resource "pods"/);

    await kubectlChecked(plane.adminKubeconfig, [
      ...['create', 'clusterrolebinding', 'viewers', '--clusterrole=view'],
      ...['--serviceaccount=default:default', '--group=strangers'],
    ]);
    await waitFor(async () => (await kubectl(nobody, ['get', 'pods'])).code === 0, {
      what: 'the binding counts for the group in the certificate',
      timeoutMs: 10_000,
    });

    const answer = await kubectlChecked(
      plane.adminKubeconfig,
      ['create', '--raw', '/api/v1/namespaces/default/serviceaccounts/default/token', '-f', '-'],
      { input: '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{}}' },
    );
    const { status } = JSON.parse(answer) as { status: { token: string } };
    const account = await plane.kubeconfigForToken('default-account', status.token);
    t.equal((await kubectl(account, ['get', 'pods'])).code, 0, 'a token is an identity too');
    t.not((await kubectl(account, ['get', 'secrets'])).code, 0);

    await plane.kill('kube-apiserver');
    t.not((await kubectl(plane.adminKubeconfig, ['get', 'ns', '--request-timeout=2s'])).code, 0);
    await plane.restart('kube-apiserver');
    await kubectlChecked(plane.adminKubeconfig, ['get', 'clusterrolebinding', 'viewers']);

    await kubectlChecked(plane.adminKubeconfig, ['create', 'deployment', 'x', '--image=x']);
    await waitFor(
      async () =>
        (await kubectlChecked(plane.adminKubeconfig, ['get', 'pods', '-o', 'wide'])).includes(
          'Pending',
        ),
      { what: 'the controllers make a pod of a deployment', timeoutMs: 20_000 },
    );
  });
}

await t.test('two devices behind NAT, their containers, and nothing left of them', async (t) => {
  const rules = await firewallRules();
  const lab = await createLab({ name: `devices-${process.pid}`, progress });
  t.teardown(() => lab.stop());
  const [berlin, paris] = await Promise.all([
    lab.startDevice({ name: 'berlin' }),
    lab.startDevice({ name: 'paris' }),
  ]);

  await t.test('a device dials out under the address of its router', async (t) => {
    const server = await listen(lab.hostAddress);
    t.teardown(() => server.close());
    const arrived = once(server, 'connection') as Promise<[Socket]>;
    const dialled = dial(berlin, server, 5_000);
    const [socket] = await arrived;
    t.equal(socket.remoteAddress, berlin.publicAddress);
    socket.destroy();
    t.equal((await dialled).stdout, 'connected');
  });

  await t.test('nobody dials in', async (t) => {
    const listener = await berlin.exec({
      name: 'listener',
      command: process.execPath,
      args: ['-e', "require('net').createServer((s) => s.end('hello')).listen(9000)"],
    });
    await listener.readyWhen(() => reachedFromWithin(berlin, 9000), {
      what: 'the listener answers on the device itself',
      timeoutMs: 10_000,
    });
    t.notOk(await reached(berlin.publicAddress, 9000), 'not from the host');
    t.notOk(await reachedFrom(paris, berlin.publicAddress, 9000), 'not from another device');
    await listener.stop();
  });

  await t.test('a pod starts by CRI and reaches the host', async (t) => {
    const server = await listen(lab.hostAddress, (socket) => socket.end('from the host\n'));
    t.teardown(() => server.close());
    const channel = new GrpcChannel({ socketPath: berlin.socket });
    t.teardown(() => channel.close());
    const cri = new CriClient(channel);
    const { containerId } = await startPod(cri, berlin);
    const { port } = server.address() as AddressInfo;
    const result = await cri.execSync({
      containerId,
      cmd: ['nc', lab.hostAddress, String(port)],
      timeout: 10,
    });
    t.equal(Buffer.from(result.stdout).toString(), 'from the host\n');
    t.ok(
      (await cgroupFolders(`${berlin.cgroupRoot}/pod-1`)).length > 0,
      'in the cgroup of the device',
    );
  });

  await t.test('cut, it fails at once; plugged in again, it reaches the host', async (t) => {
    const server = await listen(lab.hostAddress);
    t.teardown(() => server.close());
    await berlin.uplinkDown();
    t.equal((await dial(berlin, server, 5_000)).stdout, 'ENETUNREACH');
    t.equal((await dial(paris, server, 5_000)).stdout, 'connected', 'others are not concerned');
    await berlin.uplinkUp();
    t.equal((await dial(berlin, server, 5_000)).stdout, 'connected');
  });

  await t.test('in a black hole it waits in vain, and open connections survive', async (t) => {
    let heard = 0;
    const server = await listen(lab.hostAddress, (socket) => {
      socket.on('data', (chunk) => (heard += chunk.length));
      socket.on('error', () => undefined);
    });
    t.teardown(() => server.close());
    const { port } = server.address() as AddressInfo;
    const talker = await berlin.exec({
      name: 'talker',
      command: process.execPath,
      args: [
        '-e',
        `const s = require('net').connect(${port}, '${lab.hostAddress}'); setInterval(() => s.write('.'), 20)`,
      ],
    });
    await talker.readyWhen(() => heard > 5, { what: 'the talker is heard', timeoutMs: 10_000 });
    await berlin.blackhole();
    t.equal((await dial(berlin, server, 500)).stdout, 'timeout');
    const inTheDark = heard;
    t.equal((await dial(berlin, server, 500)).stdout, 'timeout');
    t.equal(heard, inTheDark, 'nothing comes through');
    await berlin.unblackhole();
    await talker.readyWhen(() => heard > inTheDark, {
      what: 'the same connection is heard again',
      timeoutMs: 20_000,
    });
    await talker.stop();
  });

  await t.test('one direction of it can be lost, and one end of its connections', (t) =>
    lostWays(t, berlin),
  );

  await t.test('a limited uplink takes its time', async (t) => {
    const size = 100_000;
    const server = await listen(lab.hostAddress, (socket) => socket.end(Buffer.alloc(size)));
    t.teardown(() => server.close());
    await berlin.limitUplink(400);
    const slowMs = await downloadMs(berlin, server);
    await berlin.limitUplink(undefined);
    const fastMs = await downloadMs(berlin, server);
    const leastMs = (size * 8) / 400;
    t.ok(slowMs > leastMs * 0.7, `${Math.round(slowMs)} ms at 400 kbit/s`);
    t.ok(fastMs < leastMs * 0.7, `${Math.round(fastMs)} ms without a limit`);
    t.ok((await berlin.uplinkTraffic()).receivedBytes > 2 * size, 'and it is counted');
  });

  await t.test('containers outlive containerd, and not a reboot', async (t) => {
    await berlin.runContainer('sleeper', ['sleep', '100000']);
    const before = await taskPid(berlin, 'sleeper');
    await berlin.killContainerd();
    await berlin.restartContainerd();
    t.equal(await taskPid(berlin, 'sleeper'), before);
    await berlin.restartContainerd();
    t.equal(await taskPid(berlin, 'sleeper'), before);

    await berlin.uplinkDown();
    await berlin.reboot();
    t.equal(await taskPid(berlin, 'sleeper'), undefined);
    t.notOk(existsSync(`/proc/${before ?? 0}`));
    t.match(await berlin.ctr('containers', 'list'), 'sleeper', 'but containerd remembers it');
    t.match(await berlin.ctr('images', 'list'), busyboxImage);
    const server = await listen(lab.hostAddress);
    t.teardown(() => server.close());
    t.equal((await dial(berlin, server, 5_000)).stdout, 'ENETUNREACH', 'a cut uplink stays cut');
    await berlin.uplinkUp();
    t.equal((await dial(berlin, server, 5_000)).stdout, 'connected');
  });

  await t.test('an image of one’s own', async (t) => {
    const tar = join(lab.dir, 'own.tar');
    const config = {
      env: ['GREETING=hello', 'PATH=/bin'],
      user: '1000:1000',
      entrypoint: ['/bin/sh'],
    };
    const members = [{ kind: 'file', path: 'note', content: Buffer.from('a note') }] as const;
    await buildImage(tar, { name: 'example.com/own:1', members, config }, { progress });
    await paris.importImage(tar);
    const said = await paris.ctr(
      ...[
        'run',
        '--rm',
        '--cgroup',
        `${paris.cgroupRoot}/own`,
        '--runc-root',
        join(paris.dir, 'runc'),
      ],
      ...['example.com/own:1', 'own', '/bin/sh', '-c', 'echo $GREETING; id -u; cat /note'],
    );
    t.equal(said, 'hello\n1000\na note');
  });

  await paris.runContainer('left-running', ['sleep', '100000']);
  const traces = await tracesOf(lab.dir);
  t.ok(traces.length > 10 && traces.every((path) => existsSync(path)));
  await lab.stop();
  t.same(leftOf(lab.dir), []);
  t.same(
    traces.filter((path) => existsSync(path)),
    [],
  );
  t.equal(await firewallRules(), rules);
});

await t.test('what a killed owner leaves is swept, and a living one’s lab is not', async (t) => {
  const rules = await firewallRules();
  const base = await mkdtemp(join(labBaseDir(), 'sweep-'));
  t.teardown(() => rm(base, { recursive: true, force: true }));
  const victim = await startLabRun(base, 'victim');
  const survivor = await startLabRun(base, 'survivor');
  const victimDir = join(base, 'victim');
  const traces = await tracesOf(victimDir);
  victim.kill('SIGKILL');
  await once(victim, 'exit');
  t.not(leftOf(victimDir).length, 0, 'it did leave something');

  t.same(await sweepLabs({ progress, baseDir: base }), [victimDir]);
  t.same(leftOf(victimDir), []);
  t.same(
    traces.filter((path) => existsSync(path)),
    [],
  );
  t.ok(findProcesses({ environment: [mark(join(base, 'survivor'))] }).length > 0);

  survivor.kill('SIGINT');
  t.same(await once(survivor, 'exit'), [0, null]);
  t.same(leftOf(join(base, 'survivor')), []);
  t.equal(await firewallRules(), rules);
});

async function startLabRun(base: string, name: string): Promise<ChildProcess> {
  const child = spawn(
    process.execPath,
    ['hack/lab-run.ts', '--name', name, '--without-control-plane', '--device', 'a'],
    {
      cwd: join(import.meta.dirname, '../..'),
      env: { ...process.env, TOWLINE_LAB_DIR: base },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await waitFor(() => said.includes('\nready\n'), { what: `${name} is up`, timeoutMs: 60_000 });
  return child;
}

async function startPod(cri: CriClient, device: Device): Promise<{ containerId: string }> {
  const config = {
    metadata: { name: 'pod', namespace: 'default', uid: 'uid-1', attempt: 0 },
    logDirectory: join(device.dir, 'pods'),
    linux: { cgroupParent: `${device.cgroupRoot}/pod-1` },
  };
  const { podSandboxId } = await cri.runPodSandbox({ config });
  const { containerId } = await cri.createContainer({
    podSandboxId,
    sandboxConfig: config,
    config: {
      metadata: { name: 'main', attempt: 0 },
      image: { image: busyboxImage },
      command: ['sleep', '100000'],
      logPath: 'main.log',
      linux: {},
    },
  });
  await cri.startContainer({ containerId });
  return { containerId };
}

async function listen(
  host: string,
  serve = (socket: Socket): unknown => socket.end(),
): Promise<Server> {
  const server = createServer(serve);
  server.listen(0, host);
  await once(server, 'listening');
  return server;
}

/** Gives `connected`, `timeout` or the error's code as its standard output. */
function dial(device: Device, server: Server, timeoutMs: number): Promise<{ stdout: string }> {
  const { address, port } = server.address() as AddressInfo;
  return dialAddress(device, address, port, timeoutMs);
}

function dialAddress(
  device: Device,
  address: string,
  port: number,
  timeoutMs: number,
): Promise<{ stdout: string }> {
  const script = `
    const end = (word) => { process.stdout.write(word); process.exit(); };
    const socket = require('net').connect({ host: '${address}', port: ${port} });
    socket.on('connect', () => end('connected')).on('error', (error) => end(error.code));
    setTimeout(end, ${timeoutMs}, 'timeout');`;
  return device.run(process.execPath, ['-e', script]);
}

async function reachedFrom(device: Device, address: string, port: number): Promise<boolean> {
  return (await dialAddress(device, address, port, 500)).stdout === 'connected';
}

function reachedFromWithin(device: Device, port: number): Promise<boolean> {
  return reachedFrom(device, '127.0.0.1', port);
}

async function reached(address: string, port: number): Promise<boolean> {
  const socket = connect({ host: address, port });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(500) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function downloadMs(device: Device, server: Server): Promise<number> {
  const { address, port } = server.address() as AddressInfo;
  const script = `
    const startedAtMs = performance.now();
    const socket = require('net').connect(${port}, '${address}').resume();
    socket.on('close', () => process.stdout.write(String(performance.now() - startedAtMs)));`;
  return Number((await device.run(process.execPath, ['-e', script])).stdout);
}

async function taskPid(device: Device, name: string): Promise<number | undefined> {
  const found = new RegExp(`^${name}\\s+(\\d+)\\s+RUNNING`, 'm').exec(
    await device.ctr('tasks', 'list'),
  );
  return found === null ? undefined : Number(found[1]);
}

function mark(dir: string): string {
  const { name, value } = labMark(dir);
  return `${name}=${value}`;
}

/** What is left of a lab that can be known from its folder's path alone. */
function leftOf(dir: string): string[] {
  return [
    ...findProcesses({ environment: [mark(dir)] }).map((pid) => `process ${pid}`),
    ...(existsSync(dir) ? [`folder ${dir}`] : []),
  ];
}

/** Files by which the kernel and containerd show a lab that is up. */
async function tracesOf(dir: string): Promise<string[]> {
  const owned = await readOwned(dir);
  const traces = owned.map(async (thing) => {
    switch (thing.kind) {
      case 'bridge':
        return [`/sys/class/net/${thing.name}`];
      case 'cgroup':
        return cgroupFolders(thing.path);
      case 'device':
        return [
          `/sys/class/net/${thing.uplink}`,
          ...thing.namespaces.map((name) => `/run/netns/${name}`),
        ];
    }
  });
  return [
    ...(await Promise.all(traces)).flat(),
    ...(await mountsUnder(dir)),
    ...(await shimSockets(dir)),
  ];
}

/** The machine's own rules, without their counters. */
async function firewallRules(): Promise<string> {
  return (await runChecked('iptables-save', [])).replaceAll(/^#.*$|\[\d+:\d+\]/gm, '');
}
