import { setTimeout as delay } from 'node:timers/promises';
import type { GivenResources } from '../../kube/resize.ts';
import type { ContainerStatus, Container } from '../cri/container-messages.ts';
import type { CriClient } from '../cri/cri-client.ts';
import { hasCriCode } from '../cri/cri-error.ts';
import { parseJson } from '../cri/json-field.ts';
import { nanosToDate, nanosToMs } from '../cri/nanoseconds.ts';
import type { PodSandbox } from '../cri/sandbox-messages.ts';
import type { Clock } from './clock.ts';
import { HeardEnds, wasKilled, type ProcessEnd } from './heard-ends.ts';
import type { ObservedContainer, ObservedPod, ObservedSandbox } from './observed.ts';
import { annotations, labels, type PodObserver, type RuntimePod } from './runtime.ts';

/**
 * How soon to ask again while CRI says "running" of a process that has ended: mostly it is a matter of
 * milliseconds, but when containerd fails to clean up it tries again only after up to five minutes.
 */
const firstSettleMs = 20;
const maxSettleMs = 10_000;

/** How long after the end of a container it may be told that memory ran out in it. */
const outOfMemoryDelayMs = 100;

/** Reads pods from CRI. Details that can't change any more are asked for once. */
export class CriObserver implements PodObserver {
  readonly #cri: CriClient;
  readonly #clock: Clock;
  readonly #settled = new Map<string, ObservedContainer>();
  readonly #addresses = new Map<string, string[]>();
  readonly #heard = new HeardEnds();

  constructor(cri: CriClient, clock: Clock) {
    this.#cri = cri;
    this.#clock = clock;
  }

  async observe(podUid: string): Promise<ObservedPod> {
    const labelSelector = { [labels.podUid]: podUid };
    const [sandboxes, containers] = await Promise.all([
      this.#cri.listPodSandbox({ filter: { labelSelector } }),
      this.#cri.listContainers({ filter: { labelSelector } }),
    ]);
    const observed = {
      sandboxes: await Promise.all(sandboxes.items.map((item) => this.#sandbox(item))),
      containers: (
        await Promise.all(containers.containers.map((item) => this.#container(item)))
      ).filter((container) => container !== undefined),
      settleInMs: this.#settleInMs([
        ...containers.containers.filter(({ state }) => state === 'CONTAINER_RUNNING'),
        ...sandboxes.items.filter(({ state }) => state === 'SANDBOX_READY'),
      ]),
    };
    observed.sandboxes.sort((a, b) => b.attempt - a.attempt || b.createdAtMs - a.createdAtMs);
    observed.containers.sort((a, b) => b.attempt - a.attempt || b.createdAtMs - a.createdAtMs);
    return observed;
  }

  /** All pods that the runtime has. Drops what is remembered of containers that others have removed. */
  async list(): Promise<RuntimePod[]> {
    const remembered = [...this.#settled.keys(), ...this.#addresses.keys()];
    const [sandboxes, containers] = await Promise.all([
      this.#cri.listPodSandbox(),
      this.#cri.listContainers(),
    ]);
    const present = new Set([...sandboxes.items, ...containers.containers].map(({ id }) => id));
    for (const id of remembered) if (!present.has(id)) this.forget(id);
    const pods = new Map<string, RuntimePod>();
    for (const item of [...containers.containers, ...sandboxes.items]) {
      const uid = item.labels[labels.podUid];
      if (uid === undefined || !isRunners(item.labels)) continue;
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
  noteEnd(containerId: string, end: ProcessEnd): void {
    this.#heard.note(containerId, end, this.#clock.monotonicMs());
  }

  /** The event stream said that memory ran out in a container. CRI says so of its end, too, but maybe later. */
  noteOutOfMemory(containerId: string): void {
    this.#heard.noteOutOfMemory(containerId);
  }

  /** A running container has been given other resources. */
  noteResize(containerId: string, resources: GivenResources): void {
    const before = this.#settled.get(containerId);
    if (before !== undefined) this.#settled.set(containerId, { ...before, resources });
  }

  /** What a running container has been given, also since the pod was looked at. */
  givenTo({ id, resources }: ObservedContainer): GivenResources | undefined {
    return this.#settled.get(id)?.resources ?? resources;
  }

  /** Drops what is remembered of a container or sandbox that is gone. */
  forget(id: string): void {
    this.#settled.delete(id);
    this.#heard.forget(id);
    this.#addresses.delete(id);
  }

  /** `running`: what CRI says runs. Undefined where nothing of it is known to have ended. */
  #settleInMs(running: readonly { id: string }[]): number | undefined {
    const ends = running
      .map(({ id }) => this.#heard.heardAtMs(id))
      .filter((end) => end !== undefined);
    if (ends.length === 0) return undefined;
    const sinceMs = this.#clock.monotonicMs() - Math.max(...ends);
    return Math.min(Math.max(sinceMs / 2, firstSettleMs), maxSettleMs);
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
    const seen = await this.#look(item);
    if (seen === undefined) return undefined;
    const observed = this.#mayLackMemory(seen) ? await this.#lookAgain(item, seen) : seen;
    if (observed === undefined) return undefined;
    if (observed.state === 'exited' || observed.state === 'running') {
      this.#settled.set(item.id, observed);
    }
    return observed;
  }

  async #look(item: Container): Promise<ObservedContainer | undefined> {
    const response = await ifFound(this.#cri.containerStatus({ containerId: item.id }));
    if (response?.status === undefined) return undefined;
    const seen = observedContainer(item, response.status, this.#clock);
    return this.#heard.complete(seen, this.#settled.get(item.id));
  }

  /** It ended a moment ago, and why it was killed may not have been told yet. */
  #mayLackMemory(observed: ObservedContainer): boolean {
    return wasKilled(observed) && this.#sinceEndMs(observed) < outOfMemoryDelayMs;
  }

  async #lookAgain(
    item: Container,
    ended: ObservedContainer,
  ): Promise<ObservedContainer | undefined> {
    await delay(outOfMemoryDelayMs - this.#sinceEndMs(ended));
    return this.#look(item);
  }

  /** Since CRI or the event stream says that it ended: CRI may be seen first. */
  #sinceEndMs({ id, endedAtMs }: ObservedContainer): number {
    return this.#clock.monotonicMs() - Math.max(endedAtMs, this.#heard.heardAtMs(id) ?? -Infinity);
  }
}

function observedContainer(
  item: Container,
  status: ContainerStatus,
  clock: Clock,
): ObservedContainer {
  return {
    id: item.id,
    sandboxId: item.podSandboxId,
    name: item.labels[labels.containerName] ?? item.metadata?.name ?? '',
    attempt: item.metadata?.attempt ?? 0,
    state: stateOf(status.state),
    image: status.image?.image ?? '',
    imageId: status.imageRef,
    hash: item.annotations[annotations.hash] ?? '',
    ...resourcesOf(item.annotations),
    ...userOf(status),
    ...(status.stopSignal === 'RUNTIME_DEFAULT' ? {} : { stopSignal: status.stopSignal }),
    createdAtMs: nanosToMs(status.createdAt),
    endedAtMs: status.finishedAt > 0n ? onMonotonic(nanosToMs(status.finishedAt), clock) : 0,
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

/** What was noted when it was made; runners from before pods as a whole had any noted that of containers alone. */
function resourcesOf(noted: Record<string, string>): Pick<ObservedContainer, 'resources'> {
  const [container, pod] = [noted[annotations.resources], noted[annotations.podResources]]
    .map(parseJson)
    .map((resources) => (typeof resources === 'object' && resources ? resources : undefined));
  if (container === undefined) return {};
  return { resources: { container, ...(pod === undefined ? {} : { pod }) } };
}

function userOf({ user }: ContainerStatus): Pick<ObservedContainer, 'user'> {
  if (user?.linux === undefined) return {};
  const { uid, gid, supplementalGroups } = user.linux;
  return { user: { uid, gid, supplementalGroups } };
}

/**
 * Whether a runner made it, and not another kubelet on the same runtime. One of an earlier site counts,
 * for a device has only one runner. A pod's own label of this name has no node's name as its value.
 */
function isRunners({ [labels.site]: site = '' }: Record<string, string>): boolean {
  return site.includes('.');
}

/** The runtime tells wall-clock time. A moment in the future means that the clock was set back. */
function onMonotonic(wallMs: number, clock: Clock): number {
  return clock.monotonicMs() - Math.max(0, clock.wallMs() - wallMs);
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
