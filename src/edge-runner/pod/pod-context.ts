import type { Logger } from 'pino';
import type { ConfigMap, Pod, RuntimeClass, Secret, VolumeClaim } from '../../kube/api.ts';
import type { ClusterDns } from '../../kube/dns.ts';
import type { FieldContext } from '../../kube/field-path.ts';
import type { ServiceLink } from '../../kube/service-env.ts';
import type { PodReport } from '../../protocol/report.ts';
import type { CriClient } from '../cri/cri-client.ts';
import type { CgroupSwap, CgroupUsage } from '../host/cgroup-usage.ts';
import type { BandwidthLimiter } from '../network/bandwidth-limiter.ts';
import type { Urgency } from '../report/outbox.ts';
import type { PodFiles } from '../volumes/pod-files.ts';
import type { PodVolumes, VolumeSources } from '../volumes/pod-volumes.ts';
import type { Clock } from './clock.ts';
import type { CriObserver } from './cri-observer.ts';
import type { EventRecorder } from './event-recorder.ts';
import type { ImagePuller } from './image-puller.ts';
import type { PlacedPods } from './placed-pods.ts';
import type { StartTurns } from './start-turns.ts';
import type { PulledImages } from './pulled-images.ts';
import type { TerminationCounts } from './termination-counts.ts';
import type { UserNamespaces } from './user-namespaces.ts';

/** What the device is to its pods. */
export interface NodeFacts {
  nodeName: string;
  hostname: string;
  hostIPs: string[];
  memoryBytes: number;
  allocatable: Record<string, string>;
}

/** Objects of the desired state that pods refer to. */
export interface ObjectSource {
  configMap(namespace: string, name: string): ConfigMap | undefined;
  secret(namespace: string, name: string): Secret | undefined;
  volumeClaim(namespace: string, name: string): VolumeClaim | undefined;
  /** Certificates of ClusterTrustBundles, by `trustAnchorsName`. */
  trustAnchors(name: string): string | undefined;
  /** What environments say of the Services of a namespace, or of one of them. */
  serviceLinks(namespace: string, name: string): readonly ServiceLink[];
  runtimeClass(name: string): RuntimeClass | undefined;
  /** What the Node has that the device knows nothing of. */
  extendedResources(): Record<string, string>;
  /** Undefined where the node's labels aren't known. */
  nodeLabels(): Record<string, string> | undefined;
}

export interface TokenSource {
  /** The token of a projection: the stored one while it is good, else a new one from the cloud. */
  token: VolumeSources['token'];
  /** When the first of a pod's tokens should be renewed, also past; undefined when it has none. */
  renewAtMs(pod: Pod): number | undefined;
}

/** The cgroups of pods. */
export interface PodCgroupTree {
  /** Undefined leaves it to the runtime. */
  parentOf(pod: Pod): string | undefined;
  /**
   * Makes a pod's cgroup or changes it; `all`: the pods that share the device, `before`: a form of
   * the pod than which it must not have less yet. @throws HostError; the signal's reason
   */
  limit(pod: Pod, all: readonly Pod[], before?: Pod, signal?: AbortSignal): Promise<void>;
  /** What a pod has used; undefined where it has no cgroup of its own. */
  usageOf(pod: Pod): Promise<CgroupUsage | undefined>;
  /** What a container has on swap; undefined where that can't be known. */
  swapOf(pod: Pod, containerId: string): Promise<CgroupSwap | undefined>;
  /** Removes what is left of a stopped pod's, whatever its QoS class was. */
  remove(podUid: string): Promise<void>;
}

/** Signals that CRI has no words for. */
export interface TaskSignals {
  /** Sends a signal and waits for the container's end, at most `graceSeconds`. @throws CriError */
  signal(
    containerId: string,
    signalNumber: number,
    options: { graceSeconds: number; signal: AbortSignal },
  ): Promise<void>;
}

/** Everything that the workers of all pods share. */
export interface PodContext {
  cri: CriClient;
  observer: CriObserver;
  images: ImagePuller;
  pulled: PulledImages;
  bandwidth: BandwidthLimiter;
  /** Lets the device forget whose the addresses of an ended pod were. */
  forgetNeighbours: (addresses: readonly string[]) => Promise<void>;
  volumes: PodVolumes;
  files: PodFiles;
  userNamespaces: Pick<UserNamespaces, 'of'>;
  objects: ObjectSource;
  tokens: TokenSource;
  events: EventRecorder;
  node: NodeFacts;
  /** Marks what belongs to this runner: `<tenant>/<site>` in a label-safe form. */
  site: string;
  logRoot: string;
  /** Folder of the device's own seccomp profiles. */
  seccompRoot: string;
  /** Sizes of huge pages that the device's kernel knows, in bytes. */
  hugePageSizes: readonly number[];
  /** Files by which the device's processors tell how hot they are. */
  hotPaths: readonly string[];
  /** Which pods have their place on the device. */
  placed: PlacedPods;
  terminations: TerminationCounts;
  /** Whether the handler of a RuntimeClass can make mounts below a read-only one so too. */
  recursiveReadOnly: (runtimeClassName: string | undefined) => boolean;
  /**
   * Why pods can have no address now; undefined when they can. `isInDoubt`: something failed for which
   * that may be the cause.
   */
  networkProblem: (isInDoubt: boolean) => Promise<string | undefined>;
  starts: StartTurns;
  clusterDns: ClusterDns;
  /** The device's own `/etc/resolv.conf` and `/etc/hosts`. */
  resolvConf: () => string;
  nodeHostsFile: () => string;
  cgroups: PodCgroupTree;
  tasks: TaskSignals;
  clock: Clock;
  /** Takes a pod's newest report; synchronous. */
  publish: (report: PodReport, urgency?: Urgency) => void;
  /** Drops all that is kept about a pod that is gone from the device and from the cloud. */
  forget: (podUid: string) => void;
  log: Logger;
}

/** Addresses and names that downward API fields can name. */
export function fieldContext(context: PodContext, podIPs: string[]): FieldContext {
  return {
    podIPs,
    hostIPs: context.node.hostIPs,
    nodeName: context.node.nodeName,
    allocatable: context.node.allocatable,
  };
}

/** Where a pod's volumes get their contents from. */
export function volumeSources(context: PodContext): VolumeSources {
  return {
    configMap: (namespace, name) => context.objects.configMap(namespace, name),
    secret: (namespace, name) => context.objects.secret(namespace, name),
    trustAnchors: (name) => context.objects.trustAnchors(name),
    claim: (namespace, name) => context.objects.volumeClaim(namespace, name),
    nodeTraits: () => {
      const labels = context.objects.nodeLabels();
      return labels && { name: context.node.nodeName, labels };
    },
    warn: (pod, reason, message) => {
      context.events.forPod(pod).record('Warning', reason, message);
    },
    token: (pod, projection) => context.tokens.token(pod, projection),
    fieldContext: () => fieldContext(context, []),
  };
}
