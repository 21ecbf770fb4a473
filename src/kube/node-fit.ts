import type { ContainerPort, Pod, PodSpec } from './api.ts';
import { isExtendedResource } from './extended-resources.ts';
import { matchesNode, type NodeTraits } from './node-affinity.ts';
import { podRequest } from './pod-totals.ts';
import { divideRoundingUp, parseQuantity } from './quantity.ts';

/** A node and what runs on it already. */
export interface NodeRoom {
  allocatable: Record<string, string>;
  /** The pods that have their place, without the one that is asked about. */
  pods: readonly Pod[];
  /** Absent where the node's labels aren't known: then nobody is turned away for them. */
  node?: NodeTraits | undefined;
}

export interface Misfit {
  reason: string;
  message: string;
}

/**
 * Why a pod doesn't fit a Linux node, with a kubelet's reason; undefined when it does.
 * @throws KubeRuleError `INVALID_QUANTITY`
 * Source: kubelet, pkg/kubelet/lifecycle/predicate.go.
 */
export function nodeMisfit({ metadata, spec }: Pod, room: NodeRoom): Misfit | undefined {
  return (
    foreignSystem(metadata, spec) ??
    lackOf(spec, room) ??
    otherNode(spec, room) ??
    takenPort(spec, room)
  );
}

/**
 * The same of all that no other pod's resources would mend: a pod that has such a misfit takes nobody's place.
 * Source: kubelet, pkg/kubelet/preemption, HandleAdmissionFailure.
 */
export function lastingMisfit({ metadata, spec }: Pod, room: NodeRoom): Misfit | undefined {
  return foreignSystem(metadata, spec) ?? otherNode(spec, room) ?? takenPort(spec, room);
}

/** Which resource a pod finds too little of, if any. @throws KubeRuleError `INVALID_QUANTITY` */
export function resourceMisfit({ spec }: Pod, room: NodeRoom): Misfit | undefined {
  return lackOf(spec, room);
}

/** Kubelet: it is the pod's own label that must not name another system than the node's. */
function foreignSystem({ labels }: Pod['metadata'], { os }: PodSpec): Misfit | undefined {
  if ((labels?.[systemLabel] ?? 'linux') !== 'linux') {
    return {
      reason: 'PodOSSelectorNodeLabelDoesNotMatch',
      message: "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
    };
  }
  if ((os?.name ?? 'linux') === 'linux') return undefined;
  return {
    reason: 'PodOSNotSupported',
    message: "Failed to admit pod as the OS field doesn't match node OS",
  };
}

const systemLabel = 'kubernetes.io/os';

function lackOf(spec: PodSpec, { allocatable, pods }: NodeRoom): Misfit | undefined {
  const capacity = Number(allocatable['pods'] ?? Infinity);
  if (pods.length + 1 > capacity) return outOf('pods', 1n, BigInt(pods.length), BigInt(capacity));
  for (const resource of countedResources(spec, allocatable)) {
    const requested = podRequest(spec, resource);
    if (requested === 0n) continue;
    const used = pods.reduce((sum, pod) => sum + podRequest(pod.spec, resource), 0n);
    const total = parseQuantity(allocatable[resource] ?? '0');
    const unit = resource === 'cpu' ? 1_000_000n : 1_000_000_000n;
    const [wanted = 0n, taken = 0n, there = 0n] = [requested, used, total].map((nano) =>
      divideRoundingUp(nano, unit),
    );
    if (wanted + taken > there) return outOf(resource, wanted, taken, there);
  }
  return undefined;
}

/**
 * In the order in which a kubelet looks. Of huge pages a node has none that it doesn't tell of; an extended
 * resource that it doesn't tell of isn't its own to count.
 */
function countedResources(spec: PodSpec, allocatable: Record<string, string>): string[] {
  const known = ['cpu', 'memory', 'ephemeral-storage'].filter((name) => name in allocatable);
  const holders = [spec, ...(spec.initContainers ?? []), ...spec.containers];
  const requested = holders.flatMap(({ resources }) => Object.keys(resources?.requests ?? {}));
  const pages = requested.filter((name) => name.startsWith('hugepages-'));
  const extended = requested.filter((name) => isExtendedResource(name) && name in allocatable);
  return [...known, ...new Set([...pages, ...extended])];
}

function outOf(resource: string, requested: bigint, used: bigint, capacity: bigint): Misfit {
  return {
    reason: `OutOf${resource}`,
    message: `Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
  };
}

/** A node whose labels aren't known is a Linux one at least. */
function otherNode(spec: PodSpec, { node }: NodeRoom): Misfit | undefined {
  const isForeign = (spec.nodeSelector?.[systemLabel] ?? 'linux') !== 'linux';
  if (isForeign || (node !== undefined && !matchesNode(spec, node))) {
    return {
      reason: 'NodeAffinity',
      message: "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
    };
  }
  const { nodeName = '' } = spec;
  if (nodeName === '' || node === undefined || nodeName === node.name) return undefined;
  return {
    reason: 'NodeName',
    message: "Predicate NodeName failed: node(s) didn't match the requested node name",
  };
}

function takenPort(spec: PodSpec, { pods }: NodeRoom): Misfit | undefined {
  const taken = pods.flatMap((pod) => hostPorts(pod.spec));
  const collides = hostPorts(spec).some((port) => taken.some((other) => collide(port, other)));
  if (!collides) return undefined;
  return {
    reason: 'NodePorts',
    message:
      "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
  };
}

function hostPorts({ containers, initContainers = [] }: PodSpec): ContainerPort[] {
  const beside = initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...containers, ...beside]
    .flatMap(({ ports = [] }) => ports)
    .filter(({ hostPort = 0 }) => hostPort > 0);
}

function collide(a: ContainerPort, b: ContainerPort): boolean {
  if (a.hostPort !== b.hostPort || (a.protocol ?? 'TCP') !== (b.protocol ?? 'TCP')) return false;
  const [own, other] = [addressOf(a), addressOf(b)];
  return own === other || own === anyAddress || other === anyAddress;
}

const anyAddress = '0.0.0.0';

function addressOf({ hostIP = '' }: ContainerPort): string {
  return hostIP === '' ? anyAddress : hostIP;
}
