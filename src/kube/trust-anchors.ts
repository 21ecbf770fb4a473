import type { ClusterTrustBundleProjection, LabelSelector } from './api.ts';
import { matchesRequirement } from './label-requirement.ts';

/** Which certificates a projection asks for: those of one bundle, or of all of a signer that match. */
export interface TrustAnchorsQuery {
  name?: string;
  signerName?: string;
  labelSelector?: LabelSelector;
}

/** The name under which provider and runner speak of what a projection asks for; undefined for nothing. */
export function trustAnchorsName(projection: ClusterTrustBundleProjection): string | undefined {
  const { name, signerName, labelSelector } = projection;
  if (name) return JSON.stringify({ name });
  if (!signerName) return undefined;
  return JSON.stringify(labelSelector ? { signerName, labelSelector } : { signerName });
}

/** What `trustAnchorsName` was made of. */
export function trustAnchorsQuery(name: string): TrustAnchorsQuery {
  return JSON.parse(name) as TrustAnchorsQuery;
}

/**
 * Whether labels fulfil a selector. Without a selector none do, and of an empty one all.
 * Source: apimachinery, LabelSelectorAsSelector.
 */
export function matchesSelector(
  selector: LabelSelector | undefined,
  labels: Record<string, string> = {},
): boolean {
  if (selector === undefined) return false;
  const { matchLabels = {}, matchExpressions = [] } = selector;
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every((requirement) => matchesRequirement(requirement, labels))
  );
}

/**
 * The certificates in some PEM texts, each once, in one order whatever theirs was; what isn't a
 * certificate is left out.
 * Source: kubelet, normalizeTrustAnchors.
 */
export function uniqueCertificates(texts: readonly string[]): string {
  const found = new Set(
    texts
      .flatMap((text) => Array.from(text.matchAll(certificate), ([, body = '']) => body))
      .map((body) => body.replace(/\s/g, '')),
  );
  return Array.from(found)
    .sort()
    .map((body) => `${begin}\n${(body.match(/.{1,64}/g) ?? []).join('\n')}\n${end}\n`)
    .join('');
}

const begin = '-----BEGIN CERTIFICATE-----';
const end = '-----END CERTIFICATE-----';
const certificate = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g;
