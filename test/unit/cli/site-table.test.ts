import t from 'tap';
import { formatSites } from '../../../src/cli/site-table.ts';
import { formatAge } from '../../../src/kube/table.ts';
import type { Site } from '../../../src/kube/site.ts';

const nowMs = Date.parse('2026-03-01T12:00:00Z');

const connected: Site = {
  metadata: { name: 'shop', namespace: 'acme', creationTimestamp: '2026-02-01T12:00:00Z' },
  status: {
    nodeName: 'shop.acme',
    runnerVersion: '0.1.0',
    lastSeen: '2026-03-01T11:59:50Z',
    addresses: ['192.0.2.7', '2001:db8::7'],
    conditions: [
      { type: 'Joined', status: 'True' },
      { type: 'Connected', status: 'True' },
    ],
  },
};

function waiting(name: string, expiresAt: string): Site {
  return {
    metadata: { name, namespace: 'acme', creationTimestamp: '2026-03-01T11:00:00Z' },
    spec: { join: { tokenHash: '', expiresAt } },
  };
}

void t.test('a site whose device is shut out says so', (t) => {
  const key = `sha256:${'a'.repeat(64)}`;
  const cell = (spec: NonNullable<Site['spec']>): string => {
    const site = { ...connected, spec, status: { ...connected.status, publicKeyHash: key } };
    return formatSites([site], { withNamespace: false, wide: false, nowMs });
  };
  t.match(cell({ revokedKey: key }), / revoked /);
  t.match(cell({ revokedKey: '*' }), / revoked /);
  t.match(cell({ revokedKey: `sha256:${'b'.repeat(64)}` }), / True /);
  t.end();
});

void t.test('sites are shown with what they are, in columns', (t) => {
  const sites = [
    connected,
    waiting('new', '2026-03-01T12:10:00Z'),
    waiting('late', '2026-03-01T11:10:00Z'),
  ];
  const options = { withNamespace: false, wide: false, nowMs };
  t.equal(
    formatSites(sites, options),
    [
      'NAME   NODE        CONNECTED         VERSION   LAST SEEN   AGE',
      'shop   shop.acme   True              0.1.0     10s         28d',
      'new    -           waiting to join   -         -           60m',
      'late   -           not joined        -         -           60m',
      '',
    ].join('\n'),
  );
  const wide = formatSites([connected], { withNamespace: true, wide: true, nowMs });
  t.match(wide, /^NAMESPACE .* ADDRESSES +DISCONNECTION\nacme .* 192\.0\.2\.7,2001:db8::7 +Keep\n/);
  t.end();
});

void t.test('a joined site that never connected is not connected', (t) => {
  const site: Site = {
    ...waiting('shop', '2026-03-01T12:10:00Z'),
    status: { conditions: [{ type: 'Joined', status: 'True' }] },
  };
  t.match(formatSites([site], { withNamespace: false, wide: false, nowMs }), /shop +- +False/);
  t.end();
});

void t.test('ages are as short as those of kubectl', (t) => {
  const age = (seconds: number): string =>
    formatAge(new Date(nowMs - seconds * 1000).toISOString(), nowMs);
  t.strictSame([-5, 0, 119, 120, 7199, 7200, 172_799, 172_800].map(age), [
    ...['0s', '0s', '119s', '2m', '119m', '2h', '47h', '2d'],
  ]);
  t.equal(formatAge(undefined, nowMs), '-');
  t.equal(formatAge('rubbish', nowMs), '-');
  t.end();
});
