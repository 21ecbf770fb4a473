import type { Condition } from '../../kube/api.ts';
import type { Site, SiteStatus } from '../../kube/site.ts';
import type { NodeReport } from '../../protocol/report.ts';
import { setCondition } from '../join/set-condition.ts';
import { lastSeenIntervalMs } from '../limits.ts';
import { timestamp } from '../node/timestamp.ts';
import type { LinkState } from './site-registry.ts';

/** What this process knows of a site, for the Site's status. */
export interface SiteFacts {
  nodeName: string;
  link: LinkState;
  /** When the connection of this process' time broke, ms since 1970. */
  lastSeenMs: number | undefined;
  report: NodeReport | undefined;
  kubeletPort: number | undefined;
  /** Of the CA that its certificate is from, and that it trusts. */
  caHash: string | undefined;
}

/**
 * JSON merge patch of a Site's status; `undefined` when it is as it should be. `lastSeen` alone is
 * brought up to date only every five minutes. The patch holds for this version of the Site only,
 * for its conditions are one list that joining writes too.
 */
export function planSiteStatusPatch(
  site: Site,
  facts: SiteFacts,
  nowMs: number,
): object | undefined {
  const current = site.status ?? {};
  const wanted = wantedStatus(current, facts, nowMs);
  const status = Object.fromEntries(
    Object.entries(wanted).filter(
      ([field, value]) =>
        JSON.stringify(current[field as keyof SiteStatus]) !== JSON.stringify(value),
    ),
  );
  const lastSeenMs = lastSeen(current, facts, nowMs);
  const changed = Object.keys(status).length > 0;
  if (lastSeenMs !== undefined && (changed || lastSeenDue(current, facts, lastSeenMs))) {
    status['lastSeen'] = timestamp(lastSeenMs);
  }
  if (Object.keys(status).length === 0) return undefined;
  const { uid, resourceVersion } = site.metadata;
  return { metadata: { uid, resourceVersion }, status };
}

function wantedStatus(current: SiteStatus, facts: SiteFacts, nowMs: number): SiteStatus {
  const { nodeName, report, kubeletPort, link, caHash } = facts;
  const conditions = current.conditions ?? [];
  return {
    // A site that never connected has no Connected condition before its first connection.
    ...(link === 'connected' || conditions.some(({ type }) => type === 'Connected')
      ? { conditions: withConnected(conditions, link, nowMs) }
      : {}),
    ...(link === 'connected' || current.nodeName !== undefined ? { nodeName } : {}),
    ...(kubeletPort === undefined ? {} : { kubeletPort }),
    ...(caHash === undefined ? {} : { caHash }),
    ...(report === undefined
      ? {}
      : { runnerVersion: report.runnerVersion, addresses: report.addresses }),
  };
}

const connectedTexts: Record<LinkState, Omit<Condition, 'type' | 'lastTransitionTime'>> = {
  connected: { status: 'True', reason: 'TunnelUp', message: 'The site is connected.' },
  away: { status: 'False', reason: 'TunnelDown', message: 'The connection of the site is down.' },
  lost: {
    status: 'False',
    reason: 'SiteDisconnected',
    message: 'The site has been disconnected for longer than the grace.',
  },
};

function withConnected(conditions: Condition[], link: LinkState, nowMs: number): Condition[] {
  const previous = conditions.find(({ type }) => type === 'Connected');
  const { status, reason } = connectedTexts[link];
  if (previous?.status === status && previous.reason === reason) return conditions;
  return setCondition(conditions, { type: 'Connected', ...connectedTexts[link] }, nowMs);
}

function lastSeen(current: SiteStatus, facts: SiteFacts, nowMs: number): number | undefined {
  if (facts.link === 'connected') return nowMs;
  if (facts.lastSeenMs === undefined) return undefined;
  return current.lastSeen === timestamp(facts.lastSeenMs) ? undefined : facts.lastSeenMs;
}

function lastSeenDue(current: SiteStatus, facts: SiteFacts, lastSeenMs: number): boolean {
  if (facts.link !== 'connected' || current.lastSeen === undefined) return true;
  return lastSeenMs - Date.parse(current.lastSeen) >= lastSeenIntervalMs;
}
