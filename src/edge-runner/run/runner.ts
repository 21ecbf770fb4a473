import { join } from 'node:path';
import { nodeNameOf } from '../../kube/site.ts';
import { ContainerdTasks } from '../containerd/containerd-tasks.ts';
import { listHostNetworks } from '../host/host-addresses.ts';
import { readHostFacts } from '../host/host-facts.ts';
import { runOnHost } from '../host/run-on-host.ts';
import { neededAddresses } from '../network/needed-addresses.ts';
import { PodNetwork } from '../network/pod-network.ts';
import { NodeReporter } from '../node/node-reporter.ts';
import { RuntimeHealth } from '../node/runtime-health.ts';
import { systemClock } from '../pod/clock.ts';
import type { PodContext } from '../pod/pod-context.ts';
import { PodManager } from '../pod/pod-manager.ts';
import { ReportClient } from '../report/report-client.ts';
import { tellStaticPods } from '../static-pods/tell-static-pods.ts';
import { StaticPods } from '../static-pods/static-pods.ts';
import { checkpointsName, removeCheckpoints } from '../streams/checkpoint-files.ts';
import { StreamServer } from '../streams/stream-server.ts';
import { SyncClient } from '../sync/sync-client.ts';
import { runnerVersion } from '../version.ts';
import { createNodeEndpoints } from './create-node-endpoints.ts';
import { createPodContext } from './create-pod-context.ts';
import { createUpkeep } from './create-upkeep.ts';
import { DesiredPods } from './desired-pods.ts';
import { keepRunning, type Parts } from './keep-running.ts';
import { Link } from './link.ts';
import { openControl } from './open-control.ts';
import { openResources, type Resources, type RunnerDependencies } from './open-resources.ts';
import type { RunOptions } from './run-options.ts';
import { seeToLoss } from './see-to-loss.ts';

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
  dependencies: RunnerDependencies,
  damage: AbortController,
  closers: (() => unknown)[],
): Promise<void> {
  const ended = new AbortController();
  const signal = AbortSignal.any([ended.signal, damage.signal]);
  const stop = (): void => {
    ended.abort();
  };
  const resources = await openResources(options, dependencies, { damage, closers });
  const parts = await wire(options, dependencies, resources, signal);
  const control = await openControl(options.memoryDir, {
    ...{ ...parts, ...resources, identity: resources.credentials.identity, log: dependencies.log },
  });
  closers.push(() => control?.close());
  await keepRunning(options, dependencies, resources, parts, { stop, signal });
}

/** Constructs all that works with these resources, and lets each know the others that it needs. */
async function wire(
  options: RunOptions,
  { log, environment }: RunnerDependencies,
  { credentials, channel, cri, storeFile, store, pulls, outbox, state, cloud }: Resources,
  signal: AbortSignal,
): Promise<Parts & { context: PodContext }> {
  const { identity } = credentials;
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
        sync.endingChanged();
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
    ending: () => desired.ending(),
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
  return { context, network, node, pods, statics, desired, upkeep, link };
}
