import t from 'tap';
import type { Site, SiteStatus } from '../../../../src/kube/site.ts';
import {
  planSiteStatusPatch,
  type SiteFacts,
} from '../../../../src/provider/site/plan-site-status.ts';
import type { NodeReport } from '../../../../src/protocol/report.ts';

const start = Date.parse('2026-01-01T00:00:00Z');

const report = { runnerVersion: '0.1.0', addresses: ['192.168.1.2'] } as NodeReport;

function site(status?: SiteStatus): Site {
  const metadata = { name: 'berlin', namespace: 'prod', uid: 'u', resourceVersion: '5' };
  return { metadata, ...(status === undefined ? {} : { status }) };
}

function facts(link: SiteFacts['link'], lastSeenMs?: number): SiteFacts {
  const caHash = link === 'connected' ? 'sha256:ca' : undefined;
  return { nodeName: 'berlin.prod', link, lastSeenMs, report, kubeletPort: 10350, caHash };
}

interface Patch {
  metadata: { uid: string; resourceVersion: string };
  status: SiteStatus;
}

function plan(current: SiteStatus | undefined, known: SiteFacts, nowMs: number): Patch | undefined {
  return planSiteStatusPatch(site(current), known, nowMs) as Patch | undefined;
}

const joined = {
  ...{ type: 'Joined', status: 'True' as const, reason: 'TokenRedeemed' },
  lastTransitionTime: '2025-12-31T00:00:00Z',
};

/** The status of a site that is connected since the start. */
function connected(): SiteStatus {
  return {
    conditions: [joined],
    ...plan({ conditions: [joined] }, facts('connected'), start)?.status,
  };
}

void t.test('a connection is said with everything that the site told', (t) => {
  const patch = plan({ conditions: [joined] }, facts('connected'), start);
  t.match(patch, {
    metadata: { uid: 'u', resourceVersion: '5' },
    status: {
      nodeName: 'berlin.prod',
      kubeletPort: 10350,
      caHash: 'sha256:ca',
      runnerVersion: '0.1.0',
      addresses: ['192.168.1.2'],
      lastSeen: '2026-01-01T00:00:00Z',
    },
  });
  t.same(
    patch?.status.conditions?.map(({ type, status }) => `${type}=${status}`),
    ['Joined=True', 'Connected=True'],
  );
  t.end();
});

void t.test(
  'while nothing changes only the time is brought up to date, every five minutes',
  (t) => {
    t.equal(plan(connected(), facts('connected'), start + 60_000), undefined);
    t.same(plan(connected(), facts('connected'), start + 300_000)?.status, {
      lastSeen: '2026-01-01T00:05:00Z',
    });
    t.end();
  },
);

void t.test('a break is said at once, with the time of it', (t) => {
  const seen = start + 90_000;
  const patch = plan(connected(), facts('away', seen), seen + 5);
  t.equal(patch?.status.lastSeen, '2026-01-01T00:01:30Z');
  const condition = patch?.status.conditions?.find(({ type }) => type === 'Connected');
  t.match(condition, { status: 'False', reason: 'TunnelDown' });
  const away = { ...connected(), ...patch?.status };
  t.equal(plan(away, facts('away', seen), seen + 9000), undefined);
  const lost = plan(away, facts('lost', seen), seen + 40_000);
  const later = lost?.status.conditions?.find(({ type }) => type === 'Connected');
  t.equal(later?.reason, 'SiteDisconnected');
  t.equal(later?.lastTransitionTime, condition?.lastTransitionTime);
  t.end();
});

void t.test('after a restart the time that the Site has is kept', (t) => {
  const patch = plan(connected(), facts('lost'), start + 600_000);
  t.equal(patch?.status.lastSeen, undefined);
  t.ok(patch?.status.conditions);
  t.end();
});

void t.test('a site that never connected gets no word about its connection', (t) => {
  const known = { ...facts('lost'), report: undefined, kubeletPort: undefined };
  t.equal(plan(undefined, known, start), undefined);
  t.end();
});
