import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { findControlPlanes } from '../hack/lab/control-planes.ts';
import { kubectlChecked, spawnKubectl } from '../hack/lab/kubectl.ts';
import { createLab } from '../hack/lab/lab.ts';
import { ensurePackages } from '../hack/lab/packages.ts';
import { sweepLabs } from '../hack/lab/remove-lab.ts';
import { type LabSite, startTowline, type Towline } from '../hack/lab/towline.ts';
import { CriClient } from '../src/edge-runner/cri/cri-client.ts';
import { GrpcChannel } from '../src/edge-runner/cri/grpc-channel.ts';

const namespace = 'bench';
const copies = 20;
const copyBytes = 256 * 1024 * 1024;
const dd = ['dd', 'if=/dev/zero', 'bs=64k', 'count=4096'];
const calls = 31;
const progress = (line: string): void => {
  console.error(`· ${line}`);
};

/**
 * `kubectl exec` through API server, provider, tunnel and runner: 256 MiB of output twenty times,
 * and `true`. Beside it `kubectl get --raw /healthz`, which is what kubectl itself takes, and the
 * same `true` asked of containerd alone.
 */
export async function run(): Promise<Record<string, number>> {
  await ensurePackages(progress);
  await sweepLabs({ progress });
  const { found } = await findControlPlanes(progress);
  const [binaries] = found;
  if (binaries === undefined) throw new RangeError('no control plane was found');
  const lab = await createLab({ name: `bench-${process.pid}`, progress });
  try {
    const plane = await lab.startControlPlane({ binaries });
    const towline = await startTowline({ lab, plane });
    const site = await towline.addSite({ name: 'site', tenant: namespace });
    await startPod(plane.adminKubeconfig, site.nodeName);
    return { ...(await measureCopies(towline, site)), ...(await measureCalls(towline, site)) };
  } finally {
    await lab.stop();
  }
}

async function startPod(kubeconfig: string, nodeName: string): Promise<void> {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'target', namespace },
    spec: {
      nodeName,
      containers: [
        { name: 'main', image: 'docker.io/library/busybox:1.36', command: ['sleep', '100000'] },
      ],
    },
  };
  await kubectlChecked(kubeconfig, ['apply', '-f', '-'], { input: JSON.stringify(pod) });
  const condition = ['wait', '--for=condition=Ready', '--timeout=60s', 'pod/target'];
  await kubectlChecked(kubeconfig, ['-n', namespace, ...condition]);
}

async function measureCopies(towline: Towline, site: LabSite): Promise<Record<string, number>> {
  const rates: number[] = [];
  const memory: { provider: number; runner: number }[] = [];
  let failed = 0;
  for (let n = 0; n < copies; n += 1) {
    const startedAtMs = performance.now();
    const bytes = await copy(towline.kubeconfig);
    if (bytes === copyBytes) rates.push(bytes / 1000 / (performance.now() - startedAtMs));
    else failed += 1;
    memory.push({
      provider: await residentMb(towline.provider.pid),
      runner: await residentMb(site.runner.pid),
    });
  }
  return {
    copy_p50_mb_s: round(median(rates)),
    copy_min_mb_s: round(Math.min(...rates)),
    copies_failed: failed,
    provider_mb_after_5: memory[4]?.provider ?? NaN,
    provider_mb_after_20: memory[19]?.provider ?? NaN,
    runner_mb_after_5: memory[4]?.runner ?? NaN,
    runner_mb_after_20: memory[19]?.runner ?? NaN,
  };
}

/** Bytes that arrived; -1 when kubectl failed. */
async function copy(kubeconfig: string): Promise<number> {
  const child = spawnKubectl(kubeconfig, ['-n', namespace, 'exec', 'target', '--', ...dd]);
  let bytes = 0;
  child.stdout.on('data', (chunk: Buffer) => (bytes += chunk.length));
  const [code] = (await once(child, 'close')) as [number | null];
  return code === 0 ? bytes : -1;
}

async function measureCalls(
  { kubeconfig }: Towline,
  { device }: LabSite,
): Promise<Record<string, number>> {
  const cri = new CriClient(new GrpcChannel({ socketPath: device.socket }));
  const { containers } = await cri.listContainers({});
  const containerId = containers[0]?.id ?? '';
  const ours: number[] = [];
  const floors: number[] = [];
  const runtime: number[] = [];
  for (let n = 0; n < calls; n += 1) {
    ours.push(await timed(kubeconfig, ['-n', namespace, 'exec', 'target', '--', 'true']));
    floors.push(await timed(kubeconfig, ['get', '--raw', '/healthz']));
    const startedAtMs = performance.now();
    await cri.execSync({ containerId, cmd: ['true'], timeout: 10 });
    runtime.push(performance.now() - startedAtMs);
  }
  return {
    exec_true_p50_ms: round(median(ours)),
    kubectl_p50_ms: round(median(floors)),
    containerd_p50_ms: round(median(runtime)),
  };
}

async function timed(kubeconfig: string, args: string[]): Promise<number> {
  const startedAtMs = performance.now();
  await kubectlChecked(kubeconfig, args);
  return performance.now() - startedAtMs;
}

async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return round(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
