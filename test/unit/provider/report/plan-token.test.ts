import t from 'tap';
import type { ServiceAccountTokenProjection } from '../../../../src/kube/api.ts';
import { planToken } from '../../../../src/provider/report/plan-token.ts';
import { podOf } from '../desired/desired-fixture.ts';

const projections: ServiceAccountTokenProjection[] = [
  { path: 'token', expirationSeconds: 3607 },
  { path: 'vault', audience: 'vault' },
];

const pod = podOf('a', {
  serviceAccountName: 'robot',
  volumes: [
    {
      name: 'v',
      projected: { sources: projections.map((serviceAccountToken) => ({ serviceAccountToken })) },
    },
  ],
});

const wish = {
  pod: { namespace: 'n', name: 'a', uid: 'a-uid' },
  serviceAccount: 'robot',
  audiences: [] as string[],
  expirationSeconds: 3607,
};

void t.test('a token that the pod declares is asked for, bound to the pod', (t) => {
  t.match(planToken('site.tenant', pod, wish), {
    ok: true,
    namespace: 'n',
    serviceAccount: 'robot',
    request: {
      spec: {
        audiences: [],
        expirationSeconds: 3607,
        boundObjectRef: { kind: 'Pod', name: 'a', uid: 'a-uid' },
      },
    },
  });
  const vault = { ...wish, audiences: ['vault'], expirationSeconds: 3600 };
  t.match(planToken('site.tenant', pod, vault), {
    ok: true,
    request: { spec: { audiences: ['vault'] } },
  });
  t.end();
});

void t.test('everything else is refused', (t) => {
  const annotations = { 'kubernetes.io/config.mirror': 'hash' };
  const mirror = { ...pod, metadata: { ...pod.metadata, annotations } };
  t.equal(planToken('site.tenant', mirror, wish).ok, false, 'a static pod has no account');
  const refused = (node: string, asked: typeof wish, of = pod): boolean =>
    !planToken(node, of, asked).ok;
  t.ok(refused('other.tenant', wish), 'another node');
  t.ok(refused('site.tenant', { ...wish, pod: { ...wish.pod, uid: 'x' } }), 'another uid');
  t.ok(refused('site.tenant', { ...wish, serviceAccount: 'admin' }), 'another account');
  t.ok(refused('site.tenant', { ...wish, audiences: ['bank'] }), 'another audience');
  t.ok(refused('site.tenant', { ...wish, expirationSeconds: 86_400 }), 'a longer life');
  t.ok(refused('site.tenant', wish, podOf('a')), 'a pod without tokens');
  for (const phase of ['Succeeded', 'Failed'] as const) {
    t.ok(refused('site.tenant', wish, { ...pod, status: { phase } }), 'a pod that has ended');
  }
  t.notOk(planToken('site.tenant', undefined, wish).ok, 'no pod');
  t.end();
});
