import type { Pod } from './api.ts';
import { goQuote } from './go-quote.ts';
import { KubeRuleError } from './kube-rule-error.ts';

/** What the downward API knows besides the pod object. `allocatable` is the node's. */
export interface FieldContext {
  podIPs: string[];
  hostIPs: string[];
  nodeName: string;
  allocatable: Record<string, string>;
}

/**
 * Value of a `fieldRef`. All labels or annotations come one to a line, sorted, as `key="value"`
 * with Go's quoting; a single one, or an address that isn't known yet, may be empty.
 * @throws KubeRuleError `UNSUPPORTED_FIELD`
 * Source: kubelet, podFieldSelectorRuntimeValue; pkg/fieldpath.
 */
export function podFieldValue(pod: Pod, fieldPath: string, context: FieldContext): string {
  const subscript = /^([^[]+)\['(.*)'\]$/s.exec(fieldPath);
  if (subscript !== null) return subscriptedValue(pod, subscript[1] ?? '', subscript[2] ?? '');
  switch (fieldPath) {
    case 'metadata.name':
      return pod.metadata.name;
    case 'metadata.namespace':
      return pod.metadata.namespace ?? '';
    case 'metadata.uid':
      return pod.metadata.uid ?? '';
    case 'metadata.labels':
      return formatMap(pod.metadata.labels);
    case 'metadata.annotations':
      return formatMap(pod.metadata.annotations);
    case 'spec.nodeName':
    case 'spec.host':
      return pod.spec.nodeName ?? context.nodeName;
    case 'spec.serviceAccountName':
      return pod.spec.serviceAccountName ?? '';
    case 'status.podIP':
      return context.podIPs[0] ?? '';
    case 'status.podIPs':
      return context.podIPs.join(',');
    case 'status.hostIP':
      return context.hostIPs[0] ?? '';
    case 'status.hostIPs':
      return context.hostIPs.join(',');
    default:
      throw unsupportedFieldPath(fieldPath);
  }
}

function subscriptedValue(pod: Pod, path: string, key: string): string {
  if (path === 'metadata.labels') return pod.metadata.labels?.[key] ?? '';
  if (path === 'metadata.annotations') return pod.metadata.annotations?.[key] ?? '';
  throw new KubeRuleError(
    'UNSUPPORTED_FIELD',
    `fieldPath ${JSON.stringify(path)} does not support subscript`,
  );
}

function formatMap(map: Record<string, string> | undefined): string {
  const entries = Object.entries(map ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, value]) => `${key}=${goQuote(value)}`).join('\n');
}

function unsupportedFieldPath(fieldPath: string): KubeRuleError {
  return new KubeRuleError('UNSUPPORTED_FIELD', `unsupported fieldPath: ${fieldPath}`);
}
