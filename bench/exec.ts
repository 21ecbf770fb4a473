import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { kubectlChecked, spawnKubectl } from '../hack/lab/kubectl.ts';
import { chosenRunner } from '../hack/lab/runner-program.ts';
import type { LabSite, Towline } from '../hack/lab/towline.ts';
import { CriClient } from '../src/edge-runner/cri/cri-client.ts';
import { GrpcChannel } from '../src/edge-runner/cri/grpc-channel.ts';
import { namespace, startIdleSite } from './idle-site.ts';
import { median, round } from './statistics.ts';

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
  const idleSite = await startIdleSite(chosenRunner(), progress);
  const { lab, towline, site } = idleSite;
  try {
    await idleSite.addPods(['target']);
    return { ...(await measureCopies(towline, site)), ...(await measureCalls(towline, site)) };
  } finally {
    await lab.stop();
  }
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
    copy_p50_mb_s: median(rates),
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
    exec_true_p50_ms: median(ours),
    kubectl_p50_ms: median(floors),
    containerd_p50_ms: median(runtime),
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
