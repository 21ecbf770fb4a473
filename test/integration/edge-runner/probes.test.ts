import { createServer, connect, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import t from 'tap';
import { busyboxImage } from '../../../hack/lab/images.ts';
import { createLab } from '../../../hack/lab/lab.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { sweepLabs } from '../../../hack/lab/remove-lab.ts';
import { probeByGrpc } from '../../../src/edge-runner/probes/grpc-handler.ts';
import type { HandlerTarget } from '../../../src/edge-runner/probes/probe-outcome.ts';
import { createRunProbe } from '../../../src/edge-runner/probes/run-probe.ts';
import type { Container, PodStatus } from '../../../src/kube/api.ts';
import { asDesired, Engine, makePod } from './engine.ts';
import { PodScene } from './pod-scene.ts';
import { probedPods } from './probed-pods.ts';

const progress = (line: string): void => {
  t.comment(line);
};

t.setTimeout(180_000);
await ensurePackages(progress);
await sweepLabs({ progress });
const lab = await createLab({ name: `probes-${process.pid}`, progress });
const device = await lab.startDevice({ name: 'd' });
const engine = await Engine.start(device);
t.teardown(async () => {
  await engine.stop();
  await lab.stop();
});

function shell(script: string, more: Partial<Container> = {}): Container {
  return { name: 'main', image: busyboxImage, command: ['sh', '-c', script], ...more };
}

const idle = 'trap "exit 0" TERM; while :; do sleep 0.1; done';

const unaborted = new AbortController().signal;

function containerIdOf(status: PodStatus): string {
  return status.containerStatuses?.[0]?.containerID?.replace('containerd://', '') ?? '';
}

void t.test('commands in a real container', async (t) => {
  const pod = makePod('commands', { containers: [shell(idle)] });
  engine.put(asDesired('Pod', pod));
  const status = await engine.until(pod, 'Running', ({ phase }) => phase === 'Running');
  const target: HandlerTarget = {
    ...{ container: { name: 'main' }, containerId: containerIdOf(status), podIp: undefined },
  };
  const run = createRunProbe(engine.cri);
  const exec = (...command: string[]): ReturnType<typeof run> =>
    run({ exec: { command } }, target, unaborted);
  t.same(await exec('echo', 'fine'), { result: 'success', output: 'fine\n' });
  t.same(await exec('sh', '-c', 'echo bad >&2; exit 3'), { result: 'failure', output: 'bad\n' });
  t.same(await exec('sleep', '30'), {
    result: 'failure',
    output: 'command timed out: "sleep 30" timed out after 1s',
  });
  t.match(await exec('no-such-command'), {
    result: 'error',
    output: /^rpc error: code = Unknown desc = failed to exec in container: /,
  });
  t.match(await exec('sh', '-c', 'yes | head -c 1000000'), { result: 'success' });
  engine.remove(pod);
});

void t.test('a health service of gRPC’s own', async (t) => {
  // containerd itself has one, on its unix socket.
  const relay = createServer((socket) => {
    const upstream = connect(device.socket);
    socket.pipe(upstream).pipe(socket);
    for (const end of [socket, upstream]) end.on('error', () => socket.destroy());
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  t.teardown(() => {
    relay.close();
  });
  const { port } = relay.address() as AddressInfo;
  const target = { container: { name: 'x' }, containerId: 'x', podIp: '127.0.0.1' };
  const options = { timeoutMs: 5_000, signal: unaborted };
  t.same(await probeByGrpc({ port }, target, options), {
    result: 'success',
    output: 'service healthy',
  });
  t.match(await probeByGrpc({ port, service: 'no.such.Service' }, target, options), {
    result: 'failure',
    output: /code = NotFound desc = unknown service/,
  });
});

void t.test('probed pods', (t) => probedPods(t, new PodScene(device, engine)));
