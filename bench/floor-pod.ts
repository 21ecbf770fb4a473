import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Device } from '../hack/lab/device.ts';
import type { CriClient } from '../src/edge-runner/cri/cri-client.ts';

/** A pod made through CRI alone: a sandbox, and a container of the benchmark's image in it. */
export class FloorPod {
  readonly #cri: CriClient;
  readonly #device: Device;
  readonly #name: string;
  readonly #uid = randomUUID();
  #sandboxId = '';

  constructor(cri: CriClient, name: string, device: Device) {
    this.#cri = cri;
    this.#name = `floor-${name}`;
    this.#device = device;
  }

  /** How long it takes until the container runs, in ms. */
  async time(remove = true): Promise<number> {
    const startedAtMs = performance.now();
    const config = {
      metadata: { name: this.#name, namespace: 'bench', uid: this.#uid, attempt: 0 },
      hostname: this.#name,
      logDirectory: join(this.#device.dir, 'floor-logs', this.#uid),
      linux: {
        cgroupParent: join(this.#device.cgroupRoot, `floor${this.#uid}`),
        securityContext: { namespaceOptions: { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } },
      },
    } as const;
    const { podSandboxId } = await this.#cri.runPodSandbox({ config });
    this.#sandboxId = podSandboxId;
    const { containerId } = await this.#cri.createContainer({
      podSandboxId,
      sandboxConfig: config,
      config: {
        metadata: { name: 'main', attempt: 0 },
        image: { image: 'docker.io/library/busybox:1.36' },
        command: ['sleep', '1000000'],
        logPath: 'main/0.log',
        linux: {},
      },
    });
    await this.#cri.startContainer({ containerId });
    const tookMs = performance.now() - startedAtMs;
    if (remove) await this.remove();
    return tookMs;
  }

  async remove(): Promise<void> {
    await this.#cri.stopPodSandbox({ podSandboxId: this.#sandboxId });
    await this.#cri.removePodSandbox({ podSandboxId: this.#sandboxId });
  }
}
