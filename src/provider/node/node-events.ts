import type { NodeStatus } from '../../kube/api.ts';

export interface NodeEvent {
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
}

/** What a Node becomes when a condition turns True, and when it turns False. */
const turns: Readonly<Record<string, readonly [whenTrue: string, whenFalse: string]>> = {
  Ready: ['NodeReady', 'NodeNotReady'],
  MemoryPressure: ['NodeHasInsufficientMemory', 'NodeHasSufficientMemory'],
  DiskPressure: ['NodeHasDiskPressure', 'NodeHasNoDiskPressure'],
  PIDPressure: ['NodeHasInsufficientPID', 'NodeHasSufficientPID'],
};

/**
 * What a kubelet tells of its Node when one status follows another. That a Node isn't heard of, its
 * conditions `Unknown`, the cluster's own node controller tells.
 * Source: pkg/kubelet/nodestatus/setters.go.
 */
export function nodeEvents(nodeName: string, before: NodeStatus, after: NodeStatus): NodeEvent[] {
  const events: NodeEvent[] = [];
  const bootId = after.nodeInfo?.bootID ?? '';
  const bootIdBefore = before.nodeInfo?.bootID ?? '';
  if (bootIdBefore !== '' && bootId !== '' && bootId !== bootIdBefore) {
    const message = `Node ${nodeName} has been rebooted, boot id: ${bootId}`;
    events.push({ type: 'Warning', reason: 'Rebooted', message });
  }
  for (const { type, status } of after.conditions ?? []) {
    const previous = before.conditions?.find((condition) => condition.type === type);
    const [whenTrue, whenFalse] = turns[type] ?? [];
    const reason = status === 'True' ? whenTrue : whenFalse;
    const isTurn = previous !== undefined && previous.status !== status && status !== 'Unknown';
    if (!isTurn || reason === undefined) continue;
    events.push({ type: 'Normal', reason, message: `Node ${nodeName} status is now: ${reason}` });
  }
  return events;
}
