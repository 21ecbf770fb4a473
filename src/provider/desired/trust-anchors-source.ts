import type { ClusterTrustBundle } from '../../kube/api.ts';
import {
  matchesSelector,
  trustAnchorsQuery,
  uniqueCertificates,
  type TrustAnchorsQuery,
} from '../../kube/trust-anchors.ts';
import type { DesiredObject } from '../../protocol/sync.ts';
import type { Informer } from '../kube-client/informer.ts';
import { sentTrustAnchors } from './sent-object.ts';
import { WatchSource } from './watch-source.ts';

/**
 * The certificates that projections ask for, by `trustAnchorsName`, from a watch of all bundles; none
 * where there is no such watch.
 */
export function trustAnchorsSource(
  bundles: Pick<Informer<ClusterTrustBundle>, 'list' | 'subscribe'> = nothing,
): WatchSource<ClusterTrustBundle> {
  return new WatchSource({
    objects: bundles,
    // Which it concerns depends on what it was before as well.
    concerns: () => true,
    make: (_, name) => anchors(name, bundles.list()),
  });
}

const nothing = { list: () => [], subscribe: () => () => undefined };

function anchors(name: string, bundles: ClusterTrustBundle[]): DesiredObject | undefined {
  const query = trustAnchorsQuery(name);
  const selected = bundles.filter((bundle) => isSelected(bundle, query));
  if (selected.length === 0) return undefined;
  const texts = selected.map(({ spec }) => spec?.trustBundle ?? '');
  return sentTrustAnchors(name, uniqueCertificates(texts));
}

function isSelected(
  { metadata, spec }: ClusterTrustBundle,
  { name, signerName, labelSelector }: TrustAnchorsQuery,
): boolean {
  if (name !== undefined) return metadata.name === name;
  return spec?.signerName === signerName && matchesSelector(labelSelector, metadata.labels);
}
