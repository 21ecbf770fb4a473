import type { Condition } from '../../kube/api.ts';

/** The conditions with one of them set; its `lastTransitionTime` moves only when its status does. */
export function setCondition(
  conditions: readonly Condition[],
  condition: Omit<Condition, 'lastTransitionTime'>,
  nowMs: number,
): Condition[] {
  const previous = conditions.find(({ type }) => type === condition.type);
  const unchanged = previous?.status === condition.status ? previous.lastTransitionTime : undefined;
  const lastTransitionTime = unchanged ?? new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
  return [
    ...conditions.filter(({ type }) => type !== condition.type),
    { ...condition, lastTransitionTime },
  ];
}
