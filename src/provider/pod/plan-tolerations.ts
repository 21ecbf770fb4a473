import type { Pod, Toleration } from '../../kube/api.ts';
import { tolerates } from '../../kube/tolerations.ts';
import { omit } from '../omit.ts';

/** What becomes of a site's pods while it is away. */
export type DisconnectionPolicy =
  { kind: 'keep' } | { kind: 'evict'; afterSeconds: number | undefined };

/** On a pod whose tolerations were changed: what they were, so that it can be undone. */
export const tolerationsAnnotation = 'towline.dev/original-tolerations';

/** The taints of a node that is not reachable, with effect NoExecute. */
const taintKeys = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'] as const;

/** Original `tolerationSeconds` by taint key; `null` where there was no toleration. */
type Original = Record<string, number | null>;

interface JsonPatchOperation {
  op: 'test' | 'add' | 'replace' | 'remove';
  path: string;
  value?: unknown;
}

/**
 * JSON patch that makes a pod's tolerations follow the policy; `undefined` if they do.
 *
 * The taint manager takes the first toleration that matches a taint, and evicts after its
 * `tolerationSeconds`, never without. The API server lets a running pod's tolerations be added to
 * and `tolerationSeconds` be changed, and nothing else. Under `evict` a pod that tolerated the
 * taints without end by itself, as a DaemonSet's does, keeps that.
 */
export function planTolerations(
  pod: Pod,
  policy: DisconnectionPolicy,
): JsonPatchOperation[] | undefined {
  const original = originalOf(pod);
  const tolerations = [...(pod.spec.tolerations ?? [])];
  for (const key of taintKeys) {
    if (policy.kind === 'keep') keep(tolerations, key, original);
    else evict(tolerations, key, original, policy.afterSeconds);
  }
  if (JSON.stringify(tolerations) === JSON.stringify(pod.spec.tolerations ?? [])) return undefined;
  return [
    { op: 'test', path: '/metadata/uid', value: pod.metadata.uid },
    { op: 'test', path: '/metadata/resourceVersion', value: pod.metadata.resourceVersion },
    { op: 'add', path: '/spec/tolerations', value: tolerations },
    ...annotate(pod, original),
  ];
}

function keep(tolerations: Toleration[], key: string, original: Original): void {
  const index = tolerations.findIndex((toleration) =>
    tolerates(toleration, { key, effect: 'NoExecute' }),
  );
  const found = tolerations[index];
  if (found === undefined) {
    original[key] ??= null;
    tolerations.push(unlimited(key));
  } else if (found.tolerationSeconds !== undefined) {
    original[key] ??= found.tolerationSeconds;
    const endless: Toleration = omit(found, 'tolerationSeconds');
    if (found.key === key) tolerations[index] = endless;
    // One for several taints keeps its time for the others.
    else tolerations.unshift(unlimited(key));
  }
}

function evict(
  tolerations: Toleration[],
  key: string,
  original: Original,
  afterSeconds: number | undefined,
): void {
  const index = tolerations.findIndex((toleration) =>
    tolerates(toleration, { key, effect: 'NoExecute' }),
  );
  const found = tolerations[index];
  const seconds = afterSeconds ?? original[key] ?? found?.tolerationSeconds ?? defaultSeconds;
  if (found === undefined) {
    original[key] ??= null;
    tolerations.push({ ...unlimited(key), tolerationSeconds: seconds });
  } else if (found.tolerationSeconds === undefined && original[key] === undefined) {
    return;
  } else if (found.tolerationSeconds !== seconds) {
    original[key] ??= found.tolerationSeconds ?? null;
    const limited = { ...unlimited(key), tolerationSeconds: seconds };
    if (found.key === key) tolerations[index] = { ...found, tolerationSeconds: seconds };
    else tolerations.unshift(limited);
  }
}

/** Of the admission plugin DefaultTolerationSeconds. */
const defaultSeconds = 300;

function unlimited(key: string): Toleration {
  return { key, operator: 'Exists', effect: 'NoExecute' };
}

function originalOf(pod: Pod): Original {
  const text = pod.metadata.annotations?.[tolerationsAnnotation];
  if (text === undefined) return {};
  try {
    const value: unknown = JSON.parse(text);
    return isOriginal(value) ? value : {};
  } catch {
    return {};
  }
}

function isOriginal(value: unknown): value is Original {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((seconds) => seconds === null || Number.isInteger(seconds))
  );
}

function annotate(pod: Pod, original: Original): JsonPatchOperation[] {
  const value = JSON.stringify(original);
  if (pod.metadata.annotations === undefined) {
    const annotations = { [tolerationsAnnotation]: value };
    return [{ op: 'add', path: '/metadata/annotations', value: annotations }];
  }
  const escaped = tolerationsAnnotation.replaceAll('~', '~0').replaceAll('/', '~1');
  return [{ op: 'add', path: `/metadata/annotations/${escaped}`, value }];
}
