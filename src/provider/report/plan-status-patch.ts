import type { Condition, Pod, PodStatus } from '../../kube/api.ts';

/** Fields that the site's report owns: absent there means absent in the API. */
export const ownedFields = [
  'phase',
  'message',
  'reason',
  'podIP',
  'podIPs',
  'startTime',
  'initContainerStatuses',
  'containerStatuses',
  'ephemeralContainerStatuses',
] as const;

/** Conditions of a site's that are there only as long as there is something to say. */
export const passingConditions: ReadonlySet<string> = new Set([
  'PodResizePending',
  'PodResizeInProgress',
]);

type StatusFields = Record<string, unknown>;

/**
 * Strategic merge patch from a pod's status to the desired one, with the pod's uid as precondition;
 * `undefined` when nothing differs.
 * @param desired has a `phase` when it is a whole status; else only what it names is to change.
 */
export function planStatusPatch(pod: Pod, desired: PodStatus): object | undefined {
  const current = (pod.status ?? {}) as StatusFields;
  const wanted = desired as StatusFields;
  const changes: StatusFields = {};
  for (const [field, value] of Object.entries(wanted)) {
    if (field === 'conditions') continue;
    if (!isDeepEqual(current[field], value))
      changes[field] = replaced(field, value, current[field]);
  }
  if (desired.phase !== undefined) {
    for (const field of ownedFields) {
      if (wanted[field] === undefined && current[field] !== undefined) changes[field] = null;
    }
  }
  const conditions = [
    ...changedConditions(pod.status?.conditions ?? [], desired.conditions ?? []),
    ...(desired.phase === undefined ? [] : passedConditions(pod.status?.conditions, desired)),
  ];
  if (conditions.length > 0) changes['conditions'] = conditions;
  if (Object.keys(changes).length === 0) return undefined;
  return { metadata: { uid: pod.metadata.uid }, status: changes };
}

/**
 * Lists with a merge key would be merged; these are meant whole. Where there is no list yet the API
 * server takes the patch as it stands, a directive in it included.
 */
function replaced(field: string, value: unknown, current: unknown): unknown {
  const merges = field === 'podIPs' || field === 'hostIPs';
  if (!merges || !Array.isArray(value) || isEmpty(current)) return value;
  return [...(value as unknown[]), { $patch: 'replace' }];
}

/** Conditions are merged by type, so that only ours are sent, and only what changed. */
function changedConditions(current: Condition[], desired: Condition[]): object[] {
  return desired.flatMap((condition) => {
    const before = current.find(({ type }) => type === condition.type);
    if (before !== undefined && isDeepEqual(withoutNulls(before), withoutNulls(condition))) {
      return [];
    }
    const vanished = Object.keys(withoutNulls(before ?? {})).filter(
      (field) => (condition as unknown as StatusFields)[field] === undefined,
    );
    return [{ ...Object.fromEntries(vanished.map((field) => [field, null])), ...condition }];
  });
}

function passedConditions(current: Condition[] = [], { conditions = [] }: PodStatus): object[] {
  return current
    .filter(({ type }) => passingConditions.has(type))
    .filter(({ type }) => !conditions.some((condition) => condition.type === type))
    .map(({ type }) => ({ type, $patch: 'delete' }));
}

function withoutNulls(value: object): StatusFields {
  return Object.fromEntries(
    Object.entries(value).filter(([, field]) => field !== null && field !== undefined),
  );
}

/** Empty lists and objects are as good as none: the API drops them. */
function isDeepEqual(a: unknown, b: unknown): boolean {
  if (isEmpty(a) && isEmpty(b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((key) => isDeepEqual((a as StatusFields)[key], (b as StatusFields)[key]));
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
