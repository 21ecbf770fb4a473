import type { ContainerPort, Pod, PodSpec } from './api.ts';
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
export function nodeMisfit({ spec }: Pod, room: NodeRoom): Misfit | undefined {
  return (
    foreignSystem(spec) ?? lackOf(spec, room) ?? otherNode(spec, room) ?? takenPort(spec, room)
  );
}

function foreignSystem({ os, nodeSelector }: PodSpec): Misfit | undefined {
  if ((nodeSelector?.['kubernetes.io/os'] ?? 'linux') !== 'linux') {
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

function lackOf(spec: PodSpec, { allocatable, pods }: NodeRoom): Misfit | undefined {
  const capacity = Number(allocatable['pods'] ?? Infinity);
  if (pods.length + 1 > capacity) return outOf('pods', 1n, BigInt(pods.length), BigInt(capacity));
  for (const [resource, amount] of Object.entries(allocatable)) {
    const requested = resource === 'pods' ? 0n : podRequest(spec, resource);
    if (requested === 0n) continue;
    const used = pods.reduce((sum, pod) => sum + podRequest(pod.spec, resource), 0n);
    const total = parseQuantity(amount);
    const unit = resource === 'cpu' ? 1_000_000n : 1_000_000_000n;
    const [wanted = 0n, taken = 0n, there = 0n] = [requested, used, total].map((nano) =>
      divideRoundingUp(nano, unit),
    );
    if (wanted + taken > there) return outOf(resource, wanted, taken, there);
  }
  return undefined;
}

function outOf(resource: string, requested: bigint, used: bigint, capacity: bigint): Misfit {
  return {
    reason: named.has(resource) ? `OutOf${resource}` : 'UnexpectedAdmissionError',
    message: `Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
  };
}

const named = new Set(['cpu', 'memory', 'ephemeral-storage', 'pods']);

function otherNode(spec: PodSpec, { node }: NodeRoom): Misfit | undefined {
  if (node === undefined || matchesNode(spec, node)) return undefined;
  return {
    reason: 'NodeAffinity',
    message: "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
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
