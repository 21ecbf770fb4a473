import t from 'tap';
import { createLab } from '../../hack/lab/lab.ts';
import { ensurePackages } from '../../hack/lab/packages.ts';
import { waitFor } from '../../hack/lab/wait.ts';
import type { ContainerdEvent } from '../../src/edge-runner/containerd/containerd-event.ts';
import { ContainerdEvents } from '../../src/edge-runner/containerd/containerd-events.ts';
import { readCgroupDriver } from '../../src/edge-runner/cri/cgroup-driver.ts';
import { CriClient } from '../../src/edge-runner/cri/cri-client.ts';
import type { ContainerStatus } from '../../src/edge-runner/cri/container-messages.ts';
import { GrpcChannel } from '../../src/edge-runner/cri/grpc-channel.ts';
import {
  readContainerLog,
  type ContainerLogOptions,
} from '../../src/edge-runner/logs/read-container-log.ts';
import { criContract, runContainer, type RuntimeUnderTest } from './cri-runtime-suite.ts';
import { EventRecorder } from './event-recorder.ts';

const image = 'docker.io/library/busybox:1.36';

const progress = (line: string): void => {
  t.comment(line);
};
await ensurePackages(progress);
const lab = await createLab({ name: `cri-${process.pid}`, progress });
t.teardown(() => lab.stop());
const device = await lab.startDevice({ name: 'contract' });
const channel = new GrpcChannel({ socketPath: device.socket });
t.teardown(() => channel.close());
const cri = new CriClient(channel);
const runtime: RuntimeUnderTest = { cri, image, dir: device.dir, cgroupParent: device.cgroupRoot };

await t.test('containerd', (t) => {
  criContract(t, () => runtime);
  t.end();
});

await t.test('containerd says how it makes cgroups', async (t) => {
  t.equal(await readCgroupDriver(cri), 'cgroupfs');
});

/** Lets a container that was made with `held` go on. */
const release = { cmd: ['touch', '/tmp/go'], timeout: 10 };

function held(script: string): string[] {
  return ['sh', '-c', `while [ ! -e /tmp/go ]; do sleep 0.05; done; ${script}`];
}

function record(signal: AbortSignal): EventRecorder {
  return new EventRecorder(new ContainerdEvents(channel).subscribe({ signal }));
}

await t.test('the log that containerd writes can be followed to its end', async (t) => {
  const stop = new AbortController();
  const ended = new AbortController();
  const recorder = record(stop.signal);
  await recorder.first(({ type }) => type === 'subscribed');
  const { containerId, logFile } = await runContainer(t, runtime, 'logs', {
    command: held(
      'echo first; echo second >&2; head -c 40000 /dev/zero | tr "\\0" x; echo; echo last',
    ),
  });
  const followed = readLog(logFile, { follow: true }, ended.signal);
  await cri.execSync({ containerId, ...release });
  await recorder.first((event) => isOf(event, containerId) && event.type === 'task-delete');
  await exited(containerId);
  ended.abort();
  const stdout = `first\n${'x'.repeat(40_000)}\nlast\n`;
  t.same((await followed).split('\n').sort(), `${stdout}second\n`.split('\n').sort());

  t.equal(await readLog(logFile, { stream: 'stdout' }), stdout);
  t.equal(await readLog(logFile, { stream: 'stdout', tailLines: 2 }), stdout.slice(6));
  t.match(
    await readLog(logFile, { stream: 'stderr', timestamps: true }),
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|[+-]\d\d:\d\d) second\n$/,
  );
  stop.abort();
  await recorder.ended;
});

await t.test('events tell of start, exec, memory shortage, end and removal', async (t) => {
  const stop = new AbortController();
  const recorder = record(stop.signal);
  await recorder.first(({ type }) => type === 'subscribed');
  t.equal(recorder.seen.length, 1, 'the subscription is the first event');

  const { containerId, sandboxId } = await runContainer(t, runtime, 'events', {
    command: held('tail /dev/zero'),
    linux: { resources: { memoryLimitInBytes: 32 * 2 ** 20 } },
  });
  const next = (type: string, execs = false): Promise<ContainerdEvent> =>
    recorder.first(
      (event) =>
        event.type === type &&
        isOf(event, containerId) &&
        (!('execId' in event) || (event.execId !== '') === execs),
    );
  t.match(await next('container-create'), { namespace: 'k8s.io', topic: '/containers/create' });
  t.match(await next('task-start'), { pid: Number });
  await cri.execSync({ containerId, ...release });
  t.match(await next('task-exit', true), { exitStatus: 0 });
  await next('task-oom');
  const exit = await next('task-exit');
  t.match(exit, { exitStatus: 137 });
  t.ok('exitedAtMs' in exit && Math.abs((exit.exitedAtMs ?? 0) - Date.now()) < 60_000);
  t.match(await exited(containerId), { reason: 'OOMKilled', exitCode: 137 });
  await cri.stopPodSandbox({ podSandboxId: sandboxId });
  await recorder.first((event) => event.type === 'task-exit' && isOf(event, sandboxId));
  await cri.removePodSandbox({ podSandboxId: sandboxId });
  await next('container-delete');
  stop.abort();
  await recorder.ended;
});

await t.test('says when containerd is gone, and goes on with the next one', async (t) => {
  const recorder = record(new AbortController().signal);
  await recorder.first(({ type }) => type === 'subscribed');
  const { containerId } = await runContainer(t, runtime, 'survivor', {
    command: ['sleep', '1000'],
  });
  const lost = t.rejects(recorder.ended, { name: 'CriError', code: 'UNAVAILABLE' });
  await device.killContainerd();
  await lost;
  await t.rejects(cri.version(), { code: 'UNAVAILABLE', message: device.socket });

  await device.restartContainerd();
  // It listens before its CRI serves: "server is not initialized yet".
  const version = await waitFor(() => cri.version().catch(() => undefined), {
    what: 'CRI to serve',
    timeoutMs: 20_000,
  });
  t.match(version, { runtimeName: 'containerd' });
  const { status } = await cri.containerStatus({ containerId });
  t.equal(status?.state, 'CONTAINER_RUNNING');
  const stop = new AbortController();
  const again = record(stop.signal);
  await again.first(({ type }) => type === 'subscribed');
  stop.abort();
  await again.ended;
});

function isOf(event: ContainerdEvent, containerId: string): boolean {
  return 'containerId' in event && event.containerId === containerId;
}

/** Waits until CRI too says that the container has ended, which is shortly after the event. */
async function exited(containerId: string): Promise<ContainerStatus> {
  return waitFor(
    async () => {
      const { status } = await cri.containerStatus({ containerId });
      return status?.state === 'CONTAINER_EXITED' ? status : undefined;
    },
    { what: `CRI to call ${containerId} exited`, timeoutMs: 5000 },
  );
}

async function readLog(
  path: string,
  options: ContainerLogOptions,
  ended?: AbortSignal,
): Promise<string> {
  const { signal } = new AbortController();
  const pieces: Buffer[] = [];
  for await (const piece of readContainerLog(path, options, { signal, ended })) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}
