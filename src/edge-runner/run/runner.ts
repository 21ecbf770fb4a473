import { join } from 'node:path';
import type { Logger } from 'pino';
import { nodeNameOf } from '../../kube/site.ts';
import { ContainerdEvents } from '../containerd/containerd-events.ts';
import { ContainerdTasks } from '../containerd/containerd-tasks.ts';
import { CriClient } from '../cri/cri-client.ts';
import { GrpcChannel } from '../cri/grpc-channel.ts';
import { RunnerError } from '../errors.ts';
import { listHostNetworks } from '../host/host-addresses.ts';
import { readHostFacts } from '../host/host-facts.ts';
import { spareMemory } from '../host/spare-memory.ts';
import { runOnHost } from '../host/run-on-host.ts';
import { neededAddresses } from '../network/needed-addresses.ts';
import { PodNetwork } from '../network/pod-network.ts';
import { NodeReporter } from '../node/node-reporter.ts';
import { RuntimeHealth } from '../node/runtime-health.ts';
import { systemClock } from '../pod/clock.ts';
import { PodManager } from '../pod/pod-manager.ts';
import { logChecks } from '../preflight/log-checks.ts';
import { Outbox } from '../report/outbox.ts';
import { ReportClient } from '../report/report-client.ts';
import type { EdgeStore } from '../store/edge-store.ts';
import { setAside } from '../store/open-store.ts';
import { tellStaticPods } from '../static-pods/tell-static-pods.ts';
import { StaticPods } from '../static-pods/static-pods.ts';
import { checkpointsName, removeCheckpoints } from '../streams/checkpoint-files.ts';
import { StreamServer } from '../streams/stream-server.ts';
import { DesiredState } from '../sync/desired-state.ts';
import { SyncClient } from '../sync/sync-client.ts';
import { runnerVersion } from '../version.ts';
import { LinuxMounter } from '../volumes/linux-mounter.ts';
import { ensureMemoryDir } from '../volumes/memory-dir.ts';
import { privateMode } from '../volumes/pod-layout.ts';
import { checkRuntime } from './check-runtime.ts';
import { CloudContact } from './cloud-contact.ts';
import { createNodeEndpoints } from './create-node-endpoints.ts';
import { createPodContext } from './create-pod-context.ts';
import { createUpkeep } from './create-upkeep.ts';
import { DesiredPods } from './desired-pods.ts';
import { ensureFolder } from './ensure-folder.ts';
import { keepInOrder } from './keep-in-order.ts';
import { informSystemd } from './inform-systemd.ts';
import { Link } from './link.ts';
import { openCredentials } from './open-credentials.ts';
import { openSiteStore, storeName } from './open-site-store.ts';
import { openControl } from './open-control.ts';
import type { RunOptions } from './run-options.ts';
import { seeToLoss } from './see-to-loss.ts';
import { shutDownWhenAsked } from './shut-down.ts';
import { watchNode, watchRuntime } from './watch-runtime.ts';

interface RunnerDependencies {
  log: Logger;
  environment: Record<string, string | undefined>;
  signal: AbortSignal;
}

/** How often the runtime is asked for its conditions. */
const nodeCheckIntervalMs = 30_000;

/** Kubelet: what `/logs/` shows. */
const hostLogRoot = '/var/log';

/**
 * Constructs the runner, wires it, and keeps it going until the signal aborts. Pods stay up, unless
 * they are to end with it.
 * @throws RunnerError, JoinError or CriError when it can't start.
 */
export async function runRunner(
  options: RunOptions,
  dependencies: RunnerDependencies,
): Promise<void> {
  const closers: (() => unknown)[] = [];
  const damage = new AbortController();
  try {
    await serve(options, dependencies, damage, closers);
  } finally {
    for (const close of closers.reverse()) await close();
  }
  // A new start begins a new store, and what runs stays up.
  if (damage.signal.aborted) throw damage.signal.reason;
}

/** Tells `closers` how to close what it opens. */
async function serve(
  options: RunOptions,
  { log, environment, signal: asked }: RunnerDependencies,
  damage: AbortController,
  closers: (() => unknown)[],
): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, damage.signal]);
  const credentials = await openCredentials(options, environment, log);
  const { identity } = credentials;
  const channel = new GrpcChannel({ socketPath: options.containerdSocket });
  closers.push(() => channel.close());
  const cri = new CriClient(channel);
  await checkRuntime(cri, log);
  await ensureFolder('--log-dir', options.logRoot);
  await ensureFolder('--memory-dir', options.memoryDir, privateMode);
  const storeFile = join(options.stateDir, storeName);
  await ensureMemoryDir(options.memoryDir, new LinuxMounter());
  const end = (error: RunnerError): void => {
    damage.abort(error);
  };
  const opening = { ...options, storeFile, log, onEnd: end };
  const { store, pulls } = await openSiteStore(credentials, opening);
  closers.push(() => {
    closeStore(store, storeFile, isDamage(damage.signal.reason), log);
  });
  const outbox = new Outbox(store, log);
  closers.push(() => {
    outbox.close();
  });
  const state = new DesiredState(store);

  const cloud = new CloudContact({
    ...{ file: join(options.stateDir, 'cloud-seen'), log },
    nowMs: () => systemClock.wallMs(),
  });
  closers.push(() => {
    cloud.close();
  });
  const facts = await readHostFacts();
  const network = await PodNetwork.ensure(
    {
      ...{ ...options, cri, facts, log },
      networks: listHostNetworks,
      needed: () => neededAddresses({ providers: identity.addresses, environment }),
      nodeRanges: () => state.podRanges(),
      hasPods: () => pods.usesPodNetwork,
    },
    signal,
  );
  const health = new RuntimeHealth({
    cri,
    onNetworkReady: () => {
      pods.networkIsBack();
    },
  });
  const node = await NodeReporter.create({
    ...{ cri, health, facts, runnerVersion, stateDir: options.stateDir, log },
    reservation: {
      system: options.upkeep.systemReserved,
      thresholds: options.upkeep.evictionHard,
    },
    onChange: () => {
      report.nodeChanged();
    },
  });
  const report = new ReportClient({
    ...{ outbox, nodeReport: () => node.report },
    staticPods: () => tellStaticPods(pods.list().map(({ pod }) => pod)),
    onConnected: () => {
      pods.cloudIsBack();
    },
  });
  const { maxParallelPulls } = options.upkeep.images;
  const context = await createPodContext({
    ...{
      ...options,
      ...{ maxParallelPulls, runOnHost },
      cri,
      tasks: new ContainerdTasks(channel),
      store,
      pulls,
      outbox,
      log,
      clock: systemClock,
      objects: state,
    },
    requestToken: (pod, projection) => report.requestToken(pod, projection),
    admission: (pod) => upkeep.eviction.admission(pod),
    networkProblem: (isInDoubt) => node.networkProblem(isInDoubt),
    abilities: () => health.abilities,
    node: {
      nodeName: nodeNameOf({ name: identity.site, tenant: identity.tenant }),
      hostname: facts.hostname,
      hostIPs: facts.addresses.map(({ address }) => address),
      memoryBytes: facts.memoryBytes,
      allocatable: node.report.allocatable,
    },
  });
  const checkpointDir = join(options.stateDir, checkpointsName);
  await seeToLoss({ store, pulls, storeFile, checkpointDir, cri, pulled: context.pulled, log });
  const pods: PodManager = new PodManager(
    {
      ...{ context, lastStatus: (uid) => outbox.lastStatus(uid) },
      onPods: () => {
        report.staticPodsChanged();
        void network.follow(signal);
      },
    },
    signal,
  );
  const statics = new StaticPods({
    ...{ dir: options.staticPodDir, nodeName: context.node.nodeName, log },
    onChange: () => {
      desired.changed([], signal);
    },
  });
  const desired = new DesiredPods({
    ...{ state, staticPods: () => statics.pods, outbox, pods, log },
    followNetwork: () => network.follow(signal),
  });
  const sync = new SyncClient({
    state,
    runnerVersion,
    onChange: (touched) => {
      desired.changed(touched, signal);
    },
    onInSync: () => {
      log.debug({ pods: state.pods().length }, 'the desired state is up to date');
    },
  });
  const upkeep = await createUpkeep({
    ...{ options, cri, pods, node, clock: systemClock, log },
    ...{ pulled: context.pulled, cgroups: context.cgroups },
  });
  const endpoints = createNodeEndpoints({
    ...{ options, facts, context, pods, outbox, upkeep },
  });
  const streams = new StreamServer({
    ...{ pods, cri, endpoints, hostLogRoot, log },
    checkpointDir,
    onCertificate: (head) => credentials.install(head),
    onLeave: async () => {
      log.info('the Site is being deleted: all pods are stopped');
      link.endSync();
      state.apply({ put: [], remove: state.held() });
      desired.changed([], signal);
      await desired.stopped();
      await pods.stopped();
      await removeCheckpoints(checkpointDir, log);
    },
  });
  const link = new Link({
    ...{ credentials, environment, sync, report, streams, log },
    onState: (state) => {
      cloud.tell(state);
    },
  });
  const control = await openControl(options.memoryDir, {
    ...{ identity, pods, node, network, outbox, cloud, context, log },
  });
  closers.push(() => control?.close());

  const site = `${identity.tenant}/${identity.site}`;
  log.info({ site, version: runnerVersion, pods: state.pods().length }, 'the runner is up');
  await upkeep.eviction.look();
  await statics.load();
  await desired.start();
  await Promise.all([
    link.run(signal),
    watchRuntime({ events: new ContainerdEvents(channel), pods, node, log }, signal),
    watchNode({ node, network }, nodeCheckIntervalMs, signal),
    statics.run(signal),
    keepInOrder({ ...upkeep, cri, pods, desired, logRoot: options.logRoot, log }, signal),
    spareMemory(signal),
    informSystemd(environment, () => `site ${site}, ${linkText(cloud)}`, signal),
    logChecks(options, log),
    shutDownWhenAsked(
      {
        ...{ asked, drain: options.drain, grace: options.shutdownGrace, pods, node, log },
        stop: () => {
          stop.abort();
        },
      },
      signal,
    ),
  ]);
  await desired.stopped();
  await pods.stopped();
}

function isDamage(reason: unknown): boolean {
  return reason instanceof RunnerError && reason.code === 'STORE_DAMAGED';
}

function closeStore(store: EdgeStore, file: string, isDamaged: boolean, log: Logger): void {
  store.close();
  if (isDamaged) setAside(file);
  log.info({ storeTransactions: store.transactions }, 'the store is closed');
}

function linkText({ view }: CloudContact): string {
  return view.connected ? 'connected' : `not connected: ${view.error ?? 'not tried yet'}`;
}
