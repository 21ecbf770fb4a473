import { setImmediate } from 'node:timers/promises';
import type { CriClient } from '../../../../src/edge-runner/cri/cri-client.ts';
import { CriError, type CriErrorCode } from '../../../../src/edge-runner/cri/cri-error.ts';

interface FakeSandbox {
  id: string;
  ready: boolean;
  attempt: number;
  labels: Record<string, string>;
}

interface FakeContainer {
  id: string;
  sandboxId: string;
  state: 'CONTAINER_CREATED' | 'CONTAINER_RUNNING' | 'CONTAINER_EXITED';
  attempt: number;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  exitCode: number;
  reason?: string;
  finishedAt: bigint;
  logPath: string;
}

interface ContainerRequest {
  podSandboxId: string;
  config: {
    metadata: { attempt: number };
    labels: Record<string, string>;
    annotations: Record<string, string>;
  };
}

interface Labelled {
  labels: Record<string, string>;
}

interface ListRequest {
  filter: { labelSelector: Record<string, string> };
}

type CallOptions = { signal?: AbortSignal } | undefined;

/** A container runtime in memory: the CRI calls that the pod engine makes, and knobs to upset it. */
export class FakeRuntime {
  readonly sandboxes = new Map<string, FakeSandbox>();
  readonly containers = new Map<string, FakeContainer>();
  /** Every call that changes something, in order. */
  readonly calls: string[] = [];
  /** What sandboxes and containers were to be made, in order. */
  readonly configs: object[] = [];
  /** Timeouts of all calls to stop a container. */
  readonly graces: number[] = [];
  /** While set, the calls wait for it. */
  readonly gates = new Map<string, Promise<void>>();
  /** Whether containers end when they are asked to, or only when the test says so. */
  obedient = true;
  /** While set, every call fails so. */
  failure: CriErrorCode | undefined;
  /** Whether it is the runtime itself that fails, or nobody answers. */
  isThere = true;
  /** While set, no container can be stopped. */
  stopFailure: CriErrorCode | undefined;
  /** Images that are on the device. */
  readonly images = new Set(['web:1', 'init:1', 'side:1']);
  readonly #stopping = new Map<string, (() => void)[]>();
  /** Of which pods somebody has asked for the sandboxes, by uid, in order. */
  readonly looks: string[] = [];
  #next = 1;

  get cri(): CriClient {
    return {
      listPodSandbox: (request: ListRequest | undefined) =>
        this.#call('', () => {
          this.looks.push(request?.filter.labelSelector['io.kubernetes.pod.uid'] ?? '');
          return { items: matching(this.#listSandboxes(), request) };
        }),
      listContainers: (request: ListRequest) =>
        this.#call('', () => ({ containers: matching(this.#listContainers(), request) })),
      podSandboxStatus: () => this.#call('', () => ({ status: { network: { ip: '10.0.0.9' } } })),
      containerStatus: ({ containerId }: { containerId: string }) =>
        this.#call('', () => ({ status: this.#status(containerId) })),
      runPodSandbox: (request: {
        config: { metadata: { attempt: number }; labels: Record<string, string> };
      }) =>
        this.#call('run-sandbox', () => {
          const { metadata, labels } = request.config;
          this.configs.push(request.config);
          const id = `s${this.#next++}`;
          this.sandboxes.set(id, { id, ready: true, attempt: metadata.attempt, labels });
          return { podSandboxId: id };
        }),
      createContainer: (request: ContainerRequest) =>
        this.#call('create', () => ({ containerId: this.#create(request) })),
      startContainer: ({ containerId }: { containerId: string }) =>
        this.#call('start', () => {
          this.#container(containerId).state = 'CONTAINER_RUNNING';
          return {};
        }),
      updateContainerResources: () => this.#call('update-resources', () => ({})),
      stopContainer: (
        { containerId, timeout }: { containerId: string; timeout: number },
        options: CallOptions,
      ) => this.#stop(containerId, timeout, options?.signal),
      stopPodSandbox: ({ podSandboxId }: { podSandboxId: string }) =>
        this.#call('stop-sandbox', () => {
          const sandbox = this.sandboxes.get(podSandboxId);
          if (sandbox !== undefined) sandbox.ready = false;
          return {};
        }),
      removeContainer: ({ containerId }: { containerId: string }) =>
        this.#call('remove', () => {
          this.containers.delete(containerId);
          return {};
        }),
      removePodSandbox: ({ podSandboxId }: { podSandboxId: string }) =>
        this.#call('remove-sandbox', () => {
          this.sandboxes.delete(podSandboxId);
          return {};
        }),
      imageStatus: ({ image }: { image: { image: string } }) =>
        this.#call('', () => ({
          image: this.images.has(image.image)
            ? { id: `sha256:${image.image}`, size: 1n, username: '' }
            : undefined,
        })),
      pullImage: ({ image }: { image: { image: string } }, options: CallOptions) =>
        this.#pull(image.image, options?.signal),
    } as unknown as CriClient;
  }

  /** Ends a container's process. */
  exit(name: string, exitCode: number, reason = ''): void {
    for (const container of this.containers.values()) {
      if (!container.id.startsWith(`${name}-`)) continue;
      if (container.state === 'CONTAINER_RUNNING') this.#end(container, exitCode, reason);
    }
  }

  running(): string[] {
    return Array.from(this.containers.values())
      .filter(({ state }) => state === 'CONTAINER_RUNNING')
      .map(({ id }) => id);
  }

  async #call<T>(name: string, work: () => T): Promise<T> {
    if (name !== '') this.calls.push(name);
    await this.gates.get(name);
    await setImmediate();
    if (this.failure !== undefined) {
      throw criError(this.failure, 'the fake fails', this.isThere);
    }
    return work();
  }

  async #stop(id: string, timeout: number, signal: AbortSignal | undefined): Promise<object> {
    this.graces.push(timeout);
    return this.#call('stop', () => undefined).then(async () => {
      if (this.stopFailure !== undefined) throw criError(this.stopFailure, 'it does not stop');
      const container = this.#container(id);
      if (container.state !== 'CONTAINER_RUNNING') return {};
      if (!this.obedient) {
        if (signal?.aborted) throw criError('CANCELLED', 'given up');
        await new Promise<void>((resolve, reject) => {
          this.#stopping.set(id, [...(this.#stopping.get(id) ?? []), resolve]);
          const giveUp = (): void => {
            reject(criError('CANCELLED', 'given up'));
          };
          signal?.addEventListener('abort', giveUp);
          if (signal?.aborted === true) giveUp();
        });
      } else this.#end(container, 0);
      return {};
    });
  }

  async #pull(image: string, signal: AbortSignal | undefined): Promise<object> {
    this.calls.push('pull');
    const aborted = new Promise<never>((_, reject) => {
      signal?.addEventListener('abort', () => {
        reject(criError('CANCELLED', 'given up'));
      });
    });
    await Promise.race([this.gates.get('pull'), aborted]);
    if (image.startsWith('missing')) throw criError('NOT_FOUND', `${image}: not found`);
    this.images.add(image);
    return { imageRef: image };
  }

  #create({ podSandboxId, config }: ContainerRequest): string {
    const name = config.labels['io.kubernetes.container.name'] ?? '';
    this.configs.push(config);
    const { attempt } = config.metadata;
    const id = `${name}-${attempt}-${this.#next++}`;
    this.containers.set(id, {
      ...{ id, sandboxId: podSandboxId, state: 'CONTAINER_CREATED', attempt },
      ...{ labels: config.labels, annotations: config.annotations },
      ...{ exitCode: 0, finishedAt: 0n, logPath: '' },
    });
    return id;
  }

  #end(container: FakeContainer, exitCode: number, reason = ''): void {
    container.state = 'CONTAINER_EXITED';
    container.exitCode = exitCode;
    container.reason = reason;
    container.finishedAt = BigInt(Date.now()) * 1_000_000n;
    for (const stopped of this.#stopping.get(container.id) ?? []) stopped();
  }

  #container(id: string): FakeContainer {
    const container = this.containers.get(id);
    if (container === undefined) throw criError('NOT_FOUND', `no container ${id}`);
    return container;
  }

  #listSandboxes(): Labelled[] {
    return Array.from(this.sandboxes.values(), ({ id, ready, attempt, labels }) => ({
      ...{ id, labels, annotations: {}, metadata: { attempt }, createdAt: 0n },
      state: ready ? 'SANDBOX_READY' : 'SANDBOX_NOTREADY',
    }));
  }

  #listContainers(): Labelled[] {
    return Array.from(this.containers.values(), (container) => ({
      ...{ ...container, podSandboxId: container.sandboxId, createdAt: 0n },
      metadata: { attempt: container.attempt },
    }));
  }

  #status(id: string): object {
    const { state, exitCode, reason = '', finishedAt, logPath } = this.#container(id);
    return {
      ...{ state, exitCode, finishedAt, logPath, createdAt: 0n, startedAt: 1_000_000_000n },
      ...{ reason, message: '', image: { image: '' }, imageRef: 'sha256:1' },
    };
  }
}

function matching(items: Labelled[], request: ListRequest | undefined): Labelled[] {
  const wanted = Object.entries(request?.filter.labelSelector ?? {});
  return items.filter(({ labels }) => wanted.every(([name, value]) => labels[name] === value));
}

export function criError(code: CriErrorCode, detail: string, answered = true): CriError {
  return new CriError(code, { method: 'Fake', detail, socketPath: '/fake', answered });
}
