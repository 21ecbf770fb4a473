import type { Site } from '../kube/site.ts';
import { formatAge, formatTable } from '../kube/table.ts';

/** Sites as a table; `wide` adds what the device says of itself. */
export function formatSites(
  sites: readonly Site[],
  options: { withNamespace: boolean; wide: boolean; nowMs: number },
): string {
  const columns = [
    ...(options.withNamespace ? [namespaceColumn] : []),
    ...mainColumns,
    ...(options.wide ? wideColumns : []),
  ];
  const rows = sites.map((site) => columns.map((column) => column.cell(site, options.nowMs)));
  return formatTable(
    columns.map(({ head }) => head),
    rows,
  );
}

interface Column {
  head: string;
  cell(site: Site, nowMs: number): string;
}

const namespaceColumn: Column = {
  head: 'NAMESPACE',
  cell: (site) => site.metadata.namespace ?? '-',
};

const mainColumns: Column[] = [
  { head: 'NAME', cell: (site) => site.metadata.name },
  { head: 'NODE', cell: (site) => site.status?.nodeName ?? '-' },
  { head: 'CONNECTED', cell: connection },
  { head: 'VERSION', cell: (site) => site.status?.runnerVersion ?? '-' },
  { head: 'LAST SEEN', cell: (site, nowMs) => formatAge(site.status?.lastSeen, nowMs) },
  { head: 'AGE', cell: (site, nowMs) => formatAge(site.metadata.creationTimestamp, nowMs) },
];

const wideColumns: Column[] = [
  { head: 'ADDRESSES', cell: (site) => site.status?.addresses?.join(',') || '-' },
  { head: 'DISCONNECTION', cell: (site) => site.spec?.disconnection?.policy ?? 'Keep' },
];

/** A site that no device has joined yet says whether its token still works; a revoked one that it is. */
function connection(site: Site, nowMs: number): string {
  const status = (type: string): string | undefined =>
    site.status?.conditions?.find((condition) => condition.type === type)?.status;
  const revoked = site.spec?.revokedKey;
  if (revoked === '*' || (revoked !== undefined && revoked === site.status?.publicKeyHash)) {
    return 'revoked';
  }
  const connected = status('Connected');
  if (connected !== undefined) return connected;
  if (status('Joined') === 'True') return 'False';
  const expiresAtMs = Date.parse(site.spec?.join?.expiresAt ?? '');
  return nowMs < expiresAtMs ? 'waiting to join' : 'not joined';
}
