import { performance } from 'node:perf_hooks';
import { pino } from 'pino';
import { chosenRunner } from '../hack/lab/runner-program.ts';
import { waitFor } from '../hack/lab/wait.ts';
import { CriClient } from '../src/edge-runner/cri/cri-client.ts';
import { GrpcChannel } from '../src/edge-runner/cri/grpc-channel.ts';
import type { Pod } from '../src/kube/api.ts';
import { Informer } from '../src/provider/kube-client/informer.ts';
import { KubeClient } from '../src/provider/kube-client/kube-client.ts';
import { loadKubeConfig } from '../src/provider/kube-client/kube-config.ts';
import { resources } from '../src/provider/kube-client/resource-type.ts';
import { FloorPod } from './floor-pod.ts';
import { idlePod, namespace, startIdleSite } from './idle-site.ts';
import { createVolumeObjects, podWithVolumes } from './pod-with-volumes.ts';
import { median, round } from './statistics.ts';

const count = 10;
const log = pino({ level: 'silent' });
const progress = (line: string): void => {
  console.error(`· ${line}`);
};

/**
 * Ten pods one by one, and ten at once, from their creation at the API server until they are Ready
 * there; in turn with the same through CRI alone, which is the floor. All in milliseconds. `volumes`:
 * each with a ConfigMap, a Secret and a token of its own mounted.
 */
export async function run({
  volumes = false,
}: {
  volumes?: boolean;
}): Promise<Record<string, number>> {
  const { lab, towline, site } = await startIdleSite(chosenRunner(), progress);
  const { device } = site;
  const stop = new AbortController();
  try {
    const cri = new CriClient(new GrpcChannel({ socketPath: device.socket }));
    const floor = (name: string): FloorPod => new FloorPod(cri, name, device);
    const client = new KubeClient({ config: loadKubeConfig({ file: towline.kubeconfig }), log });
    const pods = new PodClock(client, volumes ? podWithVolumes : idlePod, stop.signal);
    if (volumes) await createVolumeObjects(client);
    await pods.start();
    return await measure(pods, floor);
  } finally {
    stop.abort();
    await lab.stop();
  }
}

async function measure(
  pods: PodClock,
  floor: (name: string) => FloorPod,
): Promise<Record<string, number>> {
  await pods.time('warm-up');
  await floor('warm-up').time();
  const ours: number[] = [];
  const floors: number[] = [];
  for (let n = 0; n < count; n += 1) {
    ours.push(await pods.time(`one-${n}`));
    floors.push(await floor(`one-${n}`).time());
  }
  const names = Array.from({ length: count }, (_, n) => `many-${n}`);
  const burst = Math.max(...(await Promise.all(names.map((name) => pods.time(name, false)))));
  await pods.removeAll();
  const floorPods = names.map(floor);
  const floorBurst = Math.max(...(await Promise.all(floorPods.map((pod) => pod.time(false)))));
  await Promise.all(floorPods.map((pod) => pod.remove()));
  return {
    p50_ms: median(ours),
    burst_last_ms: round(burst),
    floor_p50_ms: median(floors),
    floor_burst_ms: round(floorBurst),
  };
}

/** Makes pods and tells how long they took to be Ready in the eyes of a client of the API server. */
class PodClock {
  readonly #client: KubeClient;
  readonly #make: (name: string) => object;
  readonly #informer: Informer<Pod>;
  readonly #signal: AbortSignal;
  readonly #waiting = new Map<string, () => void>();

  constructor(client: KubeClient, make: (name: string) => object, signal: AbortSignal) {
    this.#client = client;
    this.#make = make;
    this.#signal = signal;
    this.#informer = new Informer<Pod>({ client, type: resources.pods, namespace, log });
  }

  async start(): Promise<void> {
    this.#informer.subscribe((change) => {
      const ready = change.object.status?.conditions?.find(({ type }) => type === 'Ready');
      if (ready?.status === 'True') this.#waiting.get(change.object.metadata.name)?.();
    });
    void this.#informer.run(this.#signal);
    await this.#informer.synced;
  }

  async time(name: string, remove = true): Promise<number> {
    const ready = new Promise<void>((resolve) => this.#waiting.set(name, resolve));
    const startedAtMs = performance.now();
    await this.#client.create(resources.pods, this.#make(name), { namespace });
    await ready;
    const tookMs = performance.now() - startedAtMs;
    if (remove) await this.remove(name);
    return tookMs;
  }

  async remove(name: string): Promise<void> {
    await this.#client.delete(resources.pods, { namespace, name }, { gracePeriodSeconds: 1 });
    await waitFor(() => this.#informer.get(namespace, name) === undefined, {
      what: `pod ${name} to be gone`,
      timeoutMs: 30_000,
      intervalMs: 20,
    });
  }

  async removeAll(): Promise<void> {
    await Promise.all(this.#informer.list().map((pod) => this.remove(pod.metadata.name)));
  }
}
