import * as v from 'valibot';
import type { Pod, PodSpec } from '../../kube/api.ts';
import { KubeRuleError } from '../../kube/kube-rule-error.ts';
import { parseQuantity } from '../../kube/quantity.ts';

/** Names that the API server lets through; none of them leads out of a folder. */
const name = v.pipe(v.string(), v.regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/));
const texts = v.optional(v.record(v.string(), v.string()));
const named = v.looseObject({ name });

const identity = v.looseObject({
  metadata: v.looseObject({
    name,
    namespace: name,
    uid: v.pipe(v.string(), v.regex(/^[A-Za-z0-9-]+$/)),
  }),
});

const form = v.looseObject({
  metadata: v.looseObject({
    labels: texts,
    annotations: texts,
    deletionTimestamp: v.optional(v.string()),
    deletionGracePeriodSeconds: v.optional(v.number()),
  }),
  spec: v.looseObject({
    containers: v.pipe(v.array(named), v.minLength(1)),
    initContainers: v.optional(v.array(named)),
    ephemeralContainers: v.optional(v.array(named)),
    volumes: v.optional(v.array(named)),
    terminationGracePeriodSeconds: v.optional(v.number()),
    activeDeadlineSeconds: v.optional(v.number()),
  }),
});

/** Whether a pod's name, namespace and uid can be used in paths and labels. */
export function hasUsableIdentity(pod: unknown): boolean {
  return v.is(identity, pod);
}

/**
 * What is wrong with the form of a pod that came from the cloud, as a phrase; undefined when the pod
 * engine can read it. Whether everything in it is honoured is another question (`unsupportedFields`).
 */
export function formProblem(pod: Pod): string | undefined {
  const result = v.safeParse(form, pod, { abortEarly: true });
  if (!result.success) {
    const [issue] = result.issues;
    return `${v.getDotPath(issue) ?? 'the object'} is not as expected: ${issue.message}`;
  }
  try {
    for (const amount of quantitiesOf(pod)) parseQuantity(amount);
    return undefined;
  } catch (error) {
    if (error instanceof KubeRuleError) return error.message;
    throw error;
  }
}

function quantitiesOf({ spec }: Pod): string[] {
  const { initContainers = [], containers, overhead = {}, resources } = spec;
  const lists = [resources, ...[...initContainers, ...containers].map((each) => each.resources)];
  return [overhead, ...lists.flatMap((each) => [each?.requests ?? {}, each?.limits ?? {}])].flatMap(
    (list) => Object.values(list),
  );
}

/** What is left of a pod that can't be read: enough to report on it and to end it. */
export function identityOnly({ metadata, spec }: Pod): Pod {
  const graceSeconds = (spec as Partial<PodSpec> | undefined)?.terminationGracePeriodSeconds;
  const { name: podName, namespace = '', uid = '', deletionTimestamp } = metadata;
  return {
    metadata: {
      ...{ name: podName, namespace, uid },
      ...(typeof deletionTimestamp === 'string' ? { deletionTimestamp } : {}),
    },
    spec: {
      containers: [],
      ...(typeof graceSeconds === 'number' ? { terminationGracePeriodSeconds: graceSeconds } : {}),
    },
  };
}
