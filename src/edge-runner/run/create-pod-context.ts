import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { ClusterDns } from '../../kube/dns.ts';
import { quantityToMilliCpu } from '../../kube/quantity.ts';
import type { CriClient } from '../cri/cri-client.ts';
import { hasAppArmor } from '../host/app-armor.ts';
import { readHugePages } from '../host/huge-pages.ts';
import { readIdPool } from '../host/subordinate-ids.ts';
import { thermalThrottlePaths } from '../host/thermal-throttle.ts';
import { readCgroupFacts } from '../host/cgroups.ts';
import { minParallelStarts, startGatherMs, startsPerCpu, startTurnMs } from '../limits.ts';
import { BandwidthLimiter } from '../network/bandwidth-limiter.ts';
import { forgetNeighbours } from '../network/forget-neighbours.ts';
import type { RunOnHost } from '../host/run-on-host.ts';
import { readCgroupDriver } from '../cri/cgroup-driver.ts';
import { PodCgroups } from '../node/pod-cgroups.ts';
import type { RuntimeAbilities } from '../node/runtime-health.ts';
import type { Clock } from '../pod/clock.ts';
import { CriObserver } from '../pod/cri-observer.ts';
import { EventRecorder } from '../pod/event-recorder.ts';
import { ImagePuller } from '../pod/image-puller.ts';
import { StartTurns } from '../pod/start-turns.ts';
import type { NodeFacts, ObjectSource, PodContext, TaskSignals } from '../pod/pod-context.ts';
import { PulledImages } from '../pod/pulled-images.ts';
import { PlacedPods, type NodeRules } from '../pod/placed-pods.ts';
import { UserNamespaces } from '../pod/user-namespaces.ts';
import { ServiceAccountTokens, type RequestToken } from '../pod/service-account-tokens.ts';
import { TerminationCounts } from '../pod/termination-counts.ts';
import type { Outbox } from '../report/outbox.ts';
import type { PullStore } from '../store/copied-pulls.ts';
import type { EdgeStore } from '../store/edge-store.ts';
import { IdRangeFiles } from '../volumes/id-range-files.ts';
import { LinuxMounter } from '../volumes/linux-mounter.ts';
import { PodFiles } from '../volumes/pod-files.ts';
import { PodVolumes } from '../volumes/pod-volumes.ts';

export interface PodContextOptions {
  stateDir: string;
  memoryDir: string;
  logRoot: string;
  cgroupRoot: string;
  clusterDns: ClusterDns;
  allowedUnsafeSysctls: readonly string[];
  maxParallelPulls: number;
  runOnHost: RunOnHost;
  cri: CriClient;
  tasks: TaskSignals;
  store: EdgeStore;
  /** Where image pulls are kept; absent: in the store alone. */
  pulls?: PullStore;
  outbox: Outbox;
  objects: ObjectSource;
  requestToken: RequestToken;
  /** Why the device takes no new pod of this kind now, if it doesn't. */
  admission: NodeRules['admission'];
  networkProblem: PodContext['networkProblem'];
  /** What the runtime can do now. */
  abilities: () => RuntimeAbilities;
  node: NodeFacts;
  log: Logger;
  clock: Clock;
}

/** Constructs what the workers of all pods share; `memoryDir` is there. @throws CriError, HostError */
export async function createPodContext(options: PodContextOptions): Promise<PodContext> {
  const { cri, store, outbox, node, log, clock } = options;
  const mount = new LinuxMounter();
  const driver = await readCgroupDriver(cri);
  const nowMs = (): number => clock.wallMs();
  const pulled = new PulledImages(options.pulls ?? store);
  const bandwidth = new BandwidthLimiter({ cri, run: options.runOnHost, log });
  await bandwidth.keepOnly((await cri.listPodSandbox({})).items.map(({ id }) => id));
  const volumes = new PodVolumes({
    ...{ rootDir: options.stateDir, memoryDir: options.memoryDir, log, mount },
  });
  const tokens = new ServiceAccountTokens({
    ...{ store, now: nowMs, request: options.requestToken, log },
    mounted: (pod, projection) => volumes.mountedToken(pod, projection),
  });
  const hugePageSizes = (await readHugePages({})).map(({ pageSizeBytes }) => pageSizeBytes);
  return {
    ...{ cri, node, log, clock, tasks: options.tasks },
    site: node.nodeName,
    logRoot: options.logRoot,
    objects: options.objects,
    networkProblem: options.networkProblem,
    recursiveReadOnly: (className = '') => {
      const handler = options.objects.runtimeClass(className)?.handler ?? '';
      const { handlers } = options.abilities();
      return handlers.some(
        ({ name, features }) => name === handler && features?.recursiveReadOnlyMounts === true,
      );
    },
    clusterDns: options.clusterDns,
    seccompRoot: join(options.stateDir, 'seccomp'),
    hugePageSizes,
    hotPaths: await thermalThrottlePaths(),
    placed: new PlacedPods({
      admission: options.admission,
      allocatable: node.allocatable,
      extendedResources: () => options.objects.extendedResources(),
      allowedUnsafeSysctls: options.allowedUnsafeSysctls,
      hasAppArmor: await hasAppArmor(),
      hasStrictGroups: () => options.abilities().features?.supplementalGroupsPolicy === true,
      node: () => {
        const labels = options.objects.nodeLabels();
        return labels && { name: node.nodeName, labels };
      },
    }),
    terminations: new TerminationCounts(),
    observer: new CriObserver(cri, clock),
    starts: new StartTurns({
      count: Math.max(minParallelStarts, startsPerCpu * availableParallelism()),
      ...{ turnMs: startTurnMs, gatherMs: startGatherMs },
    }),
    ...{ pulled, bandwidth },
    forgetNeighbours: (addresses) => forgetNeighbours(addresses, { run: options.runOnHost, log }),
    images: new ImagePuller({
      ...{ cri, pulled, maxParallelPulls: options.maxParallelPulls },
      nowMs: () => clock.monotonicMs(),
    }),
    volumes,
    files: new PodFiles({ rootDir: options.stateDir }),
    userNamespaces: new UserNamespaces({
      files: new IdRangeFiles({ rootDir: options.stateDir }),
      pool: () => readIdPool(Number(node.allocatable['pods'])),
      handlers: () => options.abilities().handlers,
    }),
    tokens,
    events: new EventRecorder({
      clock,
      emit: (event) => {
        outbox.addEvent(event);
      },
    }),
    resolvConf: () => readIfThere('/etc/resolv.conf'),
    nodeHostsFile: () => readIfThere('/etc/hosts'),
    cgroups: new PodCgroups({
      ...{ driver, root: options.cgroupRoot, facts: await readCgroupFacts() },
      run: options.runOnHost,
      hugePageSizes,
      milliCpu: quantityToMilliCpu(node.allocatable['cpu'] ?? '0'),
    }),
    publish: (report, urgency) => {
      outbox.publish(report, urgency);
    },
    forget: (uid) => {
      outbox.forget(uid);
      tokens.forget(uid);
    },
  };
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
