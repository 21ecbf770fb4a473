import * as v from 'valibot';
import type { KubernetesObject, ObjectMeta, Pod } from '../../kube/api.ts';
import { omit } from '../omit.ts';

const optionalName = v.looseObject({ name: v.nullish(v.string()) });
const strings = v.nullish(v.record(v.string(), v.string()));

const container = v.looseObject({
  name: v.string(),
  env: v.nullish(
    v.array(
      v.looseObject({
        name: v.string(),
        valueFrom: v.nullish(
          v.looseObject({
            configMapKeyRef: v.nullish(optionalName),
            secretKeyRef: v.nullish(optionalName),
          }),
        ),
      }),
    ),
  ),
  envFrom: v.nullish(
    v.array(
      v.looseObject({ configMapRef: v.nullish(optionalName), secretRef: v.nullish(optionalName) }),
    ),
  ),
});

const source = v.looseObject({
  configMap: v.nullish(optionalName),
  secret: v.nullish(optionalName),
  serviceAccountToken: v.nullish(v.looseObject({ path: v.string() })),
});

const volume = v.looseObject({
  name: v.string(),
  configMap: v.nullish(optionalName),
  secret: v.nullish(v.looseObject({ secretName: v.nullish(v.string()) })),
  projected: v.nullish(v.looseObject({ sources: v.nullish(v.array(source)) })),
});

/** What Towline reads of a pod; everything else is carried along as it is. */
const pod = v.looseObject({
  metadata: v.looseObject({
    name: v.string(),
    namespace: v.string(),
    uid: v.string(),
    labels: strings,
    annotations: strings,
    ownerReferences: v.nullish(
      v.array(v.looseObject({ apiVersion: v.string(), kind: v.string() })),
    ),
  }),
  spec: v.looseObject({
    nodeName: v.nullish(v.string()),
    containers: v.pipe(v.array(container), v.minLength(1)),
    initContainers: v.nullish(v.array(container)),
    ephemeralContainers: v.nullish(v.array(container)),
    volumes: v.nullish(v.array(volume)),
    imagePullSecrets: v.nullish(v.array(optionalName)),
    tolerations: v.nullish(v.array(v.looseObject({}))),
    serviceAccountName: v.nullish(v.string()),
    readinessGates: v.nullish(v.array(v.looseObject({ conditionType: v.string() }))),
  }),
  status: v.nullish(
    v.looseObject({ conditions: v.nullish(v.array(v.looseObject({ type: v.string() }))) }),
  ),
});

/** A pod that came from the cluster in a form that can't be used. */
export class PodInvalidError extends Error {
  readonly code = 'POD_INVALID';

  constructor(problem: string) {
    super(problem);
    this.name = 'PodInvalidError';
  }
}

/**
 * The pod as it came from the cluster, without what nobody here reads.
 * @throws PodInvalidError whose message is a phrase saying what is wrong.
 */
export function acceptPod(object: Pod): Pod {
  const result = v.safeParse(pod, object, { abortEarly: true });
  if (!result.success) {
    const [issue] = result.issues;
    const path = v.getDotPath(issue) ?? 'the object';
    throw new PodInvalidError(`${path} is not as expected: ${issue.message}`);
  }
  return withoutManagedFields(object);
}

/** An object without its `managedFields`, which nobody here reads. */
export function withoutManagedFields<T extends KubernetesObject>(object: T): T {
  const metadata: ObjectMeta = omit(object.metadata, 'managedFields');
  return { ...object, metadata };
}
