import type { ContainerStatus, Container } from '../cri/container-messages.ts';
import type { CriClient } from '../cri/cri-client.ts';
import { hasCriCode } from '../cri/cri-error.ts';
import { nanosToDate, nanosToMs } from '../cri/nanoseconds.ts';
import type { PodSandbox } from '../cri/sandbox-messages.ts';
import type { ObservedContainer, ObservedPod, ObservedSandbox } from './observed.ts';
import { annotations, labels, type PodObserver, type RuntimePod } from './runtime.ts';

/** Reads pods from CRI. Details that can't change any more are asked for once. */
export class CriObserver implements PodObserver {
  readonly #cri: CriClient;
  readonly #site: string;
  readonly #settled = new Map<string, ObservedContainer>();
  readonly #addresses = new Map<string, string[]>();
  readonly #ended = new Set<string>();

  /** `site`: the value of the site label that marks what belongs to this runner. */
  constructor(cri: CriClient, site: string) {
    this.#cri = cri;
    this.#site = site;
  }

  async observe(podUid: string): Promise<ObservedPod> {
    const labelSelector = { [labels.podUid]: podUid, [labels.site]: this.#site };
    const [sandboxes, containers] = await Promise.all([
      this.#cri.listPodSandbox({ filter: { labelSelector } }),
      this.#cri.listContainers({ filter: { labelSelector } }),
    ]);
    const observed = {
      sandboxes: await Promise.all(sandboxes.items.map((item) => this.#sandbox(item))),
      containers: (
        await Promise.all(containers.containers.map((item) => this.#container(item)))
      ).filter((container) => container !== undefined),
      settling: containers.containers.some(
        ({ id, state }) => state === 'CONTAINER_RUNNING' && this.#ended.has(id),
      ),
    };
    observed.sandboxes.sort((a, b) => b.attempt - a.attempt || b.createdAtMs - a.createdAtMs);
    observed.containers.sort((a, b) => b.attempt - a.attempt || b.createdAtMs - a.createdAtMs);
    return observed;
  }

  async list(): Promise<RuntimePod[]> {
    const labelSelector = { [labels.site]: this.#site };
    const [sandboxes, containers] = await Promise.all([
      this.#cri.listPodSandbox({ filter: { labelSelector } }),
      this.#cri.listContainers({ filter: { labelSelector } }),
    ]);
    const pods = new Map<string, RuntimePod>();
    for (const item of [...containers.containers, ...sandboxes.items]) {
      const uid = item.labels[labels.podUid];
      if (uid === undefined) continue;
      pods.set(uid, {
        uid,
        namespace: item.labels[labels.podNamespace] ?? '',
        name: item.labels[labels.podName] ?? '',
        graceSeconds: Number(item.annotations[annotations.terminationGracePeriod] ?? 30),
      });
    }
    return [...pods.values()];
  }

  /**
   * The event stream said that a container's process has ended. CRI may say "running" for some
   * milliseconds more.
   */
  noteEnd(containerId: string): void {
    this.#ended.add(containerId);
  }

  /** Drops what is remembered of a container or sandbox that is gone. */
  forget(id: string): void {
    this.#settled.delete(id);
    this.#ended.delete(id);
    this.#addresses.delete(id);
  }

  async #sandbox(item: PodSandbox): Promise<ObservedSandbox> {
    const ready = item.state === 'SANDBOX_READY';
    return {
      id: item.id,
      ready,
      attempt: item.metadata?.attempt ?? 0,
      createdAtMs: nanosToMs(item.createdAt),
      ips: ready ? await this.#ips(item.id) : (this.#addresses.get(item.id) ?? []),
    };
  }

  async #ips(sandboxId: string): Promise<string[]> {
    const known = this.#addresses.get(sandboxId);
    if (known !== undefined) return known;
    const response = await ifFound(this.#cri.podSandboxStatus({ podSandboxId: sandboxId }));
    const network = response?.status?.network;
    const ips = [network?.ip ?? '', ...(network?.additionalIps ?? []).map(({ ip }) => ip)];
    const present = ips.filter((ip) => ip !== '');
    if (present.length > 0) this.#addresses.set(sandboxId, present);
    return present;
  }

  async #container(item: Container): Promise<ObservedContainer | undefined> {
    const settled = this.#settled.get(item.id);
    if (settled !== undefined && stateOf(item.state) === settled.state) return settled;
    const response = await ifFound(this.#cri.containerStatus({ containerId: item.id }));
    if (response?.status === undefined) return undefined;
    const observed = observedContainer(item, response.status);
    if (observed.state === 'exited' || observed.state === 'running') {
      this.#settled.set(item.id, observed);
    }
    return observed;
  }
}

function observedContainer(item: Container, status: ContainerStatus): ObservedContainer {
  return {
    id: item.id,
    sandboxId: item.podSandboxId,
    name: item.labels[labels.containerName] ?? item.metadata?.name ?? '',
    attempt: item.metadata?.attempt ?? 0,
    state: stateOf(status.state),
    image: status.image?.image ?? '',
    imageId: status.imageRef,
    hash: item.annotations[annotations.hash] ?? '',
    createdAtMs: nanosToMs(status.createdAt),
    startedAtMs: nanosToMs(status.startedAt),
    finishedAtMs: nanosToMs(status.finishedAt),
    ...(status.startedAt > 0n ? { startedAt: seconds(status.startedAt) } : {}),
    ...(status.finishedAt > 0n ? { finishedAt: seconds(status.finishedAt) } : {}),
    exitCode: status.exitCode,
    reason: status.reason,
    message: status.message,
    logPath: status.logPath,
    terminationMessageFile: item.annotations[annotations.terminationMessageFile] ?? '',
    terminationMessagePolicy: item.annotations[annotations.terminationMessagePolicy] ?? 'File',
  };
}

function seconds(nanoseconds: bigint): string {
  return nanosToDate(nanoseconds)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z');
}

function stateOf(state: Container['state']): ObservedContainer['state'] {
  switch (state) {
    case 'CONTAINER_CREATED':
      return 'created';
    case 'CONTAINER_RUNNING':
      return 'running';
    case 'CONTAINER_EXITED':
      return 'exited';
    case 'CONTAINER_UNKNOWN':
      return 'unknown';
  }
}

/** A container or sandbox can vanish between a list and the question after it. */
async function ifFound<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (hasCriCode(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}
