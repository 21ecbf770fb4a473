import type { Pod } from './api.ts';
import { KubeRuleError } from './kube-rule-error.ts';
import { parseQuantity } from './quantity.ts';

/** What a pod may receive (`ingress`) and send, in bits per second; absent where nothing bounds it. */
export interface PodBandwidth {
  readonly ingress?: number;
  readonly egress?: number;
}

/** By these a pod asks for bounds; values are quantities of bits per second. */
export const bandwidthAnnotations = {
  ingress: 'kubernetes.io/ingress-bandwidth',
  egress: 'kubernetes.io/egress-bandwidth',
} as const;

const minBitsPerSecond = 1_000;
const maxBitsPerSecond = 1e15;

/**
 * The bandwidth that a pod's annotations allow it; of one in the device's network nothing is bounded.
 * @throws KubeRuleError `CONFIG_ERROR` when one is no quantity, or unreasonable.
 * Source: Kubernetes, pkg/util/bandwidth.
 */
export function podBandwidth({ metadata, spec }: Pod): PodBandwidth {
  if (spec.hostNetwork === true) return {};
  const { ingress, egress } = bandwidthAnnotations;
  const given = metadata.annotations ?? {};
  return {
    ...(given[ingress] === undefined ? {} : { ingress: bitsPerSecond(ingress, given[ingress]) }),
    ...(given[egress] === undefined ? {} : { egress: bitsPerSecond(egress, given[egress]) }),
  };
}

function bitsPerSecond(annotation: string, text: string): number {
  const bits = quantity(annotation, text);
  if (bits < minBitsPerSecond) throw refused(annotation, 'unreasonably small (< 1kbit)');
  if (bits > maxBitsPerSecond) throw refused(annotation, 'unreasonably large (> 1Pbit)');
  return bits;
}

function quantity(annotation: string, text: string): number {
  try {
    return Number(parseQuantity(text) / 1_000_000_000n);
  } catch (error) {
    if (!(error instanceof KubeRuleError)) throw error;
    throw refused(annotation, `no quantity: ${error.message}`);
  }
}

function refused(annotation: string, why: string): KubeRuleError {
  return new KubeRuleError('CONFIG_ERROR', `annotation ${annotation}: resource is ${why}`);
}
