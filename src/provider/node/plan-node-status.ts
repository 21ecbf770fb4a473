import type { Condition, NodeStatus } from '../../kube/api.ts';
import { extendedResources, withoutExtended } from '../../kube/extended-resources.ts';
import type { NodeReport } from '../../protocol/report.ts';
import { nodeStatusIntervalMs } from '../limits.ts';
import { covers } from './covers.ts';
import { abilities } from './node-abilities.ts';
import { timestamp } from './timestamp.ts';

/** Reason of a Node's conditions while its site is lost. */
export const disconnectedReason = 'SiteDisconnected';

/** What the provider itself knows for a Node's status. */
export interface ProviderFacts {
  /** Where the API server reaches this node's kubelet API. */
  address: string;
  kubeletPort: number;
  /** As in `v1.20.0-towline.0.1.0`. */
  kubeletVersion: string;
  /** Minor version of the API server's Kubernetes 1. */
  apiMinor: number;
}

/** Status of the Node of a connected site, as a kubelet writes it. */
export function connectedStatus(options: {
  report: NodeReport;
  facts: ProviderFacts;
  current: NodeStatus | undefined;
  nowMs: number;
}): NodeStatus {
  const { report, facts, current, nowMs } = options;
  // Kubelet: whoever gave the Node extended resources gave them by its capacity, and may take them so.
  // Of a device, which has none, they would later seem to be somebody else's.
  const advertised = extendedResources(current?.capacity);
  return {
    capacity: { ...withoutExtended(report.capacity), ...advertised },
    allocatable: { ...withoutExtended(report.allocatable), ...advertised },
    conditions: healthyConditions
      .map((healthy) => report.conditions.find(({ type }) => type === healthy.type) ?? healthy)
      .map((condition) => stamped(condition, current, nowMs)),
    // The API server prefers Hostname to InternalIP, so that a host name that nobody resolves
    // would keep it from reaching the kubelet API.
    addresses: [{ type: 'InternalIP', address: facts.address }],
    ...abilities(report, current, facts.apiMinor),
    daemonEndpoints: { kubeletEndpoint: { Port: facts.kubeletPort } },
    nodeInfo: {
      ...report.nodeInfo,
      kubeletVersion: facts.kubeletVersion,
      kubeProxyVersion: facts.kubeletVersion,
    },
  };
}

/** Status of the Node of a site that has been away for longer than its grace. */
export function lostStatus(options: {
  current: NodeStatus | undefined;
  /** ms since 1970 */
  lastSeenMs: number | undefined;
  nowMs: number;
}): NodeStatus {
  const { current, lastSeenMs, nowMs } = options;
  const seen = lastSeenMs === undefined ? '' : `; it was last seen at ${timestamp(lastSeenMs)}`;
  const message = `The site is not connected${seen}.`;
  const unknown = { status: 'Unknown' as const, reason: disconnectedReason, message };
  return {
    conditions: healthyConditions.map(({ type }) => {
      const already = find(current, type);
      // Whoever said Unknown first, once is enough.
      if (already?.status === 'Unknown' && already.reason === disconnectedReason) return already;
      return stamped({ type, ...unknown }, current, nowMs);
    }),
  };
}

/**
 * Strategic merge patch from one status to another; `undefined` when nothing but heartbeat times
 * differs and those aren't due. A field that the API server drops is sent with what is due, for it may
 * know it by then, but is no reason to write: each write would be a reason for the next.
 */
export function planNodeStatusPatch(
  current: NodeStatus | undefined,
  wanted: NodeStatus,
  nowMs: number,
  dropped: ReadonlySet<string> = new Set(),
): object | undefined {
  const changed = Object.fromEntries(
    Object.entries(wanted).filter(([field, value]) => {
      const now = current?.[field as keyof NodeStatus];
      return field === 'conditions'
        ? !sameConditions(now as Condition[] | undefined, value as Condition[])
        : !covers(now, value);
    }),
  );
  const connected = wanted.addresses !== undefined;
  const isChanged = Object.keys(changed).some((field) => !dropped.has(field));
  if (!isChanged && !(connected && heartbeatDue(current, nowMs))) return undefined;
  return {
    status: {
      ...changed,
      conditions: wanted.conditions,
      ...(changed['addresses'] === undefined
        ? {}
        : { addresses: [...(wanted.addresses ?? []), { $patch: 'replace' }] }),
      ...withoutVanished('capacity', current, wanted, changed),
      ...withoutVanished('allocatable', current, wanted, changed),
    },
  };
}

/** As the kubelet words them. */
const healthyConditions: readonly Condition[] = [
  {
    type: 'MemoryPressure',
    status: 'False',
    reason: 'KubeletHasSufficientMemory',
    message: 'kubelet has sufficient memory available',
  },
  {
    type: 'DiskPressure',
    status: 'False',
    reason: 'KubeletHasNoDiskPressure',
    message: 'kubelet has no disk pressure',
  },
  {
    type: 'PIDPressure',
    status: 'False',
    reason: 'KubeletHasSufficientPID',
    message: 'kubelet has sufficient PID available',
  },
  {
    type: 'Ready',
    status: 'True',
    reason: 'KubeletReady',
    message: 'kubelet is posting ready status',
  },
];

function stamped(condition: Condition, current: NodeStatus | undefined, nowMs: number): Condition {
  const { type, status, reason, message } = condition;
  const previous = find(current, type);
  return {
    type,
    status,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    lastHeartbeatTime: timestamp(nowMs),
    lastTransitionTime:
      (previous?.status === status ? previous.lastTransitionTime : undefined) ?? timestamp(nowMs),
  };
}

function find(status: NodeStatus | undefined, type: string): Condition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

function sameConditions(current: Condition[] | undefined, wanted: Condition[]): boolean {
  return wanted.every((condition) => {
    const now = current?.find(({ type }) => type === condition.type);
    return (
      now?.status === condition.status &&
      now.reason === condition.reason &&
      now.message === condition.message
    );
  });
}

function withoutVanished(
  field: 'capacity' | 'allocatable',
  current: NodeStatus | undefined,
  wanted: NodeStatus,
  changed: Record<string, unknown>,
): Record<string, Record<string, string | null>> {
  if (changed[field] === undefined) return {};
  const vanished = Object.keys(current?.[field] ?? {}).filter(
    (key) => wanted[field]?.[key] === undefined,
  );
  return {
    [field]: { ...Object.fromEntries(vanished.map((key) => [key, null])), ...wanted[field] },
  };
}

function heartbeatDue(current: NodeStatus | undefined, nowMs: number): boolean {
  const last = find(current, 'Ready')?.lastHeartbeatTime;
  return last === undefined || nowMs - Date.parse(last) >= nodeStatusIntervalMs;
}
