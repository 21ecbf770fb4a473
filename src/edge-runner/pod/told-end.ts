import * as v from 'valibot';
import type { Pod, PodStatus } from '../../kube/api.ts';

const text = v.fallback(v.optional(v.string()), undefined);
const addresses = v.fallback(v.optional(v.array(v.object({ ip: v.string() }))), undefined);
const state = v.optional(v.looseObject({}), {});
const statuses = v.fallback(
  v.optional(v.array(v.looseObject({ name: v.string(), state, lastState: state }))),
  undefined,
);

const end = v.object({
  phase: v.picklist(['Succeeded', 'Failed']),
  ...{ reason: text, message: text, startTime: text, podIP: text, podIPs: addresses },
  ...{ initContainerStatuses: statuses, containerStatuses: statuses },
  ephemeralContainerStatuses: statuses,
});

/**
 * How a pod ended, as the cloud said when it sent it; `undefined` of one that it didn't call over. What
 * can't be read of it but the phase is left out.
 */
export function toldEnd({ status }: Pod): PodStatus | undefined {
  const result = v.safeParse(end, status);
  return result.success ? (result.output as object) : undefined;
}
