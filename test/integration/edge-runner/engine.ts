import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { runChecked } from '../../../hack/lab/command.ts';
import type { Device } from '../../../hack/lab/device.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import { ContainerdEvents } from '../../../src/edge-runner/containerd/containerd-events.ts';
import { ContainerdTasks } from '../../../src/edge-runner/containerd/containerd-tasks.ts';
import { CriClient } from '../../../src/edge-runner/cri/cri-client.ts';
import { GrpcChannel } from '../../../src/edge-runner/cri/grpc-channel.ts';
import { readHostFacts } from '../../../src/edge-runner/host/host-facts.ts';
import { NodeReporter } from '../../../src/edge-runner/node/node-reporter.ts';
import { RuntimeHealth } from '../../../src/edge-runner/node/runtime-health.ts';
import { systemClock, type Clock } from '../../../src/edge-runner/pod/clock.ts';
import type { NodeRules } from '../../../src/edge-runner/pod/placed-pods.ts';
import type { PodContext } from '../../../src/edge-runner/pod/pod-context.ts';
import { PodManager } from '../../../src/edge-runner/pod/pod-manager.ts';
import { Outbox } from '../../../src/edge-runner/report/outbox.ts';
import { checkRuntime } from '../../../src/edge-runner/run/check-runtime.ts';
import { createPodContext } from '../../../src/edge-runner/run/create-pod-context.ts';
import { DesiredPods } from '../../../src/edge-runner/run/desired-pods.ts';
import { watchRuntime } from '../../../src/edge-runner/run/watch-runtime.ts';
import { seeToLoss } from '../../../src/edge-runner/run/see-to-loss.ts';
import { CopiedPulls } from '../../../src/edge-runner/store/copied-pulls.ts';
import { openStore } from '../../../src/edge-runner/store/open-store.ts';
import { AesSealer } from '../../../src/edge-runner/store/sealer.ts';
import type { SqliteStore } from '../../../src/edge-runner/store/sqlite-store.ts';
import { checkpointsName } from '../../../src/edge-runner/streams/checkpoint-files.ts';
import { DesiredState } from '../../../src/edge-runner/sync/desired-state.ts';
import { LinuxMounter } from '../../../src/edge-runner/volumes/linux-mounter.ts';
import { ensureMemoryDir } from '../../../src/edge-runner/volumes/memory-dir.ts';
import type { Pod, PodSpec, PodStatus } from '../../../src/kube/api.ts';
import { objectVersion } from '../../../src/protocol/digest.ts';
import type { DesiredObject } from '../../../src/protocol/sync.ts';

interface EngineOptions extends Partial<Pick<NodeRules, 'admission' | 'allocatable'>> {
  cgroupRoot?: string;
  /** What delays and back-off are counted by. */
  clock?: Clock;
  /** SPIFFE ID of the site whose device it is; one of them all by default. */
  owner?: string;
}

/** The device side without its link: store, outbox and pod engine on a lab device's containerd. */
export class Engine {
  readonly cri: CriClient;
  readonly outbox: Outbox;
  readonly pods: PodManager;
  readonly context: PodContext;
  readonly node: NodeReporter;
  readonly #state: DesiredState;
  readonly #desired: DesiredPods;
  readonly #store: SqliteStore;
  readonly #channel: GrpcChannel;
  readonly #stop: AbortController;
  readonly #watching: Promise<void>;

  private constructor(parts: {
    context: PodContext;
    outbox: Outbox;
    state: DesiredState;
    store: SqliteStore;
    channel: GrpcChannel;
    node: NodeReporter;
  }) {
    this.context = parts.context;
    this.node = parts.node;
    this.cri = parts.context.cri;
    this.outbox = parts.outbox;
    this.#state = parts.state;
    this.#store = parts.store;
    this.#channel = parts.channel;
    this.#stop = new AbortController();
    const { context, outbox, channel, node } = parts;
    const signal = this.#stop.signal;
    this.pods = new PodManager({ context, lastStatus: (uid) => outbox.lastStatus(uid) }, signal);
    const { log } = context;
    this.#desired = new DesiredPods({ state: parts.state, outbox, pods: this.pods, log });
    const events = new ContainerdEvents(channel);
    this.#watching = watchRuntime({ events, pods: this.pods, node, log }, signal);
  }

  static async start(device: Device, options: EngineOptions = {}): Promise<Engine> {
    const stateDir = join(device.dir, 'towline');
    await mkdir(stateDir, { recursive: true });
    const channel = new GrpcChannel({ socketPath: device.socket });
    const cri = new CriClient(channel);
    const memoryDir = join(device.dir, 'memory');
    await ensureMemoryDir(memoryDir, new LinuxMounter());
    const log = pino({ level: process.env['TOWLINE_TEST_LOG'] ?? 'silent' });
    await checkRuntime(cri, log);
    const sealer = new AesSealer(Buffer.alloc(32, 1));
    const storeFile = join(stateDir, 'store.db');
    const { owner = 'spiffe://test/berlin' } = options;
    const store = openStore(storeFile, { log, sealer, owner });
    const pulls = new CopiedPulls(storeFile, { sealer, owner }, store);
    const outbox = new Outbox(store, log);
    const state = new DesiredState(store);
    const facts = await readHostFacts();
    const health = new RuntimeHealth({
      cri,
      onNetworkReady: () => {
        engine.pods.networkIsBack();
      },
    });
    const node = await NodeReporter.create({
      ...{ cri, health, facts, stateDir, runnerVersion: 'test', log },
      reservation: { system: {}, thresholds: [] },
      onChange: () => undefined,
    });
    const context = await createPodContext({
      ...{ stateDir, cri, tasks: new ContainerdTasks(channel), store, outbox, objects: state },
      pulls,
      memoryDir,
      logRoot: join(device.dir, 'pod-logs'),
      cgroupRoot: options.cgroupRoot ?? device.cgroupRoot,
      allowedUnsafeSysctls: ['net.core.*'],
      maxParallelPulls: 2,
      runOnHost: async (program, args) => {
        const { command, args: wrapped, env } = device.command(program, args);
        return runChecked(command, wrapped, { env });
      },
      clusterDns: { servers: ['10.96.0.10'], domain: 'cluster.local' },
      admission: options.admission ?? (() => undefined),
      networkProblem: (isInDoubt) => node.networkProblem(isInDoubt),
      abilities: () => health.abilities,
      requestToken: () =>
        Promise.resolve({
          token: `token-${randomUUID()}`,
          expirationTimestamp: new Date(Date.now() + 3_600_000).toISOString(),
        }),
      node: {
        ...{ nodeName: `${device.name}.test`, hostname: 'device' },
        ...{ hostIPs: ['192.168.77.2'], memoryBytes: facts.memoryBytes },
        allocatable: options.allocatable ?? node.report.allocatable,
      },
      log,
      clock: options.clock ?? systemClock,
    });
    const checkpointDir = join(stateDir, checkpointsName);
    const { pulled } = context;
    await seeToLoss({ store, pulls, storeFile, checkpointDir, cri, pulled, log });
    const engine: Engine = new Engine({ context, outbox, state, store, channel, node });
    await engine.#desired.start();
    return engine;
  }

  /** Ends the engine as SIGTERM does; pods stay up. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
    await this.#desired.stopped();
    await this.pods.stopped();
    this.outbox.close();
    this.#store.close();
    await this.#channel.close();
  }

  /** Ends as SIGKILL ends a runner: containerd loses its client in the middle of whatever it does for it. */
  async crash(): Promise<void> {
    await this.#channel.close();
    await this.stop();
  }

  put(...objects: DesiredObject[]): void {
    this.#state.apply({ put: objects, remove: [] });
    this.#desired.changed(objects, this.#stop.signal);
  }

  /** As `put`, and the cloud desires more that it has not said yet. */
  putSome(...objects: DesiredObject[]): void {
    this.#state.apply({ put: objects, remove: [], partial: true });
    this.#desired.changed(objects, this.#stop.signal);
  }

  remove(object: Pick<Pod, 'metadata'>, kind: DesiredObject['kind'] = 'Pod'): void {
    const { namespace = '', name } = object.metadata;
    this.#state.apply({ put: [], remove: [{ kind, namespace, name }] });
    this.#desired.changed([], this.#stop.signal);
  }

  status(pod: Pod): PodStatus | undefined {
    return this.outbox.lastStatus(pod.metadata.uid ?? '');
  }

  /** Waits until the pod's newest report fulfils a condition. */
  async until(
    pod: Pod,
    what: string,
    condition: (status: PodStatus) => boolean,
    timeoutMs = 20_000,
  ): Promise<PodStatus> {
    return waitFor(
      () => {
        const status = this.status(pod);
        return status !== undefined && condition(status) && status;
      },
      {
        ...{ what: `${pod.metadata.name} to be ${what}`, timeoutMs, intervalMs: 20 },
        explain: () => JSON.stringify(this.status(pod), undefined, 1),
      },
    );
  }
}

export function makePod(name: string, spec: Partial<PodSpec> & Pick<PodSpec, 'containers'>): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'berlin', uid: randomUUID(), labels: { app: name } },
    spec: { restartPolicy: 'Always', terminationGracePeriodSeconds: 1, ...spec },
  };
}

export function asDesired(
  kind: DesiredObject['kind'],
  object: Pick<Pod, 'metadata'>,
): DesiredObject {
  const { namespace = 'berlin', name, uid = randomUUID() } = object.metadata;
  return {
    ...{ kind, namespace, name, uid, version: objectVersion(object) },
    object: object as unknown as DesiredObject['object'],
  };
}
