import t from 'tap';
import type { SiteSpec } from '../../../../src/kube/site.ts';
import type { StaticPodReport } from '../../../../src/protocol/report.ts';
import { type MirrorPlan, planMirror } from '../../../../src/provider/mirror/plan-mirror.ts';

const uid = '0123456789abcdef0123456789abcdef';
const containers = [{ name: 'main', image: 'i' }];

function plan(change: Partial<StaticPodReport> = {}, spec: SiteSpec = {}): MirrorPlan {
  const site = { metadata: { name: 'berlin', namespace: 'acme' }, spec };
  const node = { metadata: { name: 'berlin.acme', uid: 'node-uid' } };
  const told = { namespace: 'acme', name: 'web-berlin.acme', uid, seen: 'then' };
  const manifest = { spec: { containers } };
  return planMirror({ ...told, manifest, ...change }, { node, tenant: 'acme', site });
}

function refusal(change: Partial<StaticPodReport>, spec?: SiteSpec): string {
  const planned = plan(change, spec);
  return planned.ok ? 'none' : planned.message;
}

void t.test('a mirror pod is a kubelet’s', (t) => {
  const manifest = {
    labels: { app: 'web' },
    annotations: {
      ...{ note: 'n', 'towline.dev/original-tolerations': '{}' },
      ...{ 'kubernetes.io/config.mirror': 'forged', 'kubernetes.io/config.source': 'api' },
    },
    spec: { containers, nodeName: 'other', hostNetwork: true },
  };
  t.strictSame(plan({ manifest }), {
    ok: true,
    pod: {
      ...{ apiVersion: 'v1', kind: 'Pod' },
      metadata: {
        ...{ name: 'web-berlin.acme', namespace: 'acme', labels: { app: 'web' } },
        annotations: {
          note: 'n',
          'kubernetes.io/config.hash': uid,
          'kubernetes.io/config.mirror': uid,
          'kubernetes.io/config.seen': 'then',
          'kubernetes.io/config.source': 'file',
        },
        ownerReferences: [
          {
            ...{ apiVersion: 'v1', kind: 'Node', name: 'berlin.acme', uid: 'node-uid' },
            controller: true,
          },
        ],
      },
      spec: { containers, nodeName: 'berlin.acme', hostNetwork: true },
    },
  });
  t.end();
});

void t.test('only under the node’s name', (t) => {
  for (const name of ['web', 'web-berlin.other', 'webberlin.acme', '-berlin.acme']) {
    t.match(refusal({ name }), 'its name does not end in "-berlin.acme"');
  }
  t.end();
});

void t.test('only in namespaces of the site', (t) => {
  const where = (namespace: string, spec: SiteSpec = {}): boolean => plan({ namespace }, spec).ok;
  t.ok(where('acme'));
  t.notOk(where('default'));
  t.match(refusal({ namespace: 'kube-system' }), /shows no static pods in namespace "kube-system"/);
  t.notOk(where('default', { allowedNamespaces: ['default'] }), 'to run pods of it is less');
  t.notOk(where('default', { allowedNamespaces: ['*'] }));
  const named = { staticPodNamespaces: ['default'] };
  t.ok(where('default', { allowedNamespaces: ['default'], ...named }));
  t.ok(where('default', { allowedNamespaces: ['*'], ...named }));
  t.ok(where('default', { allowedNamespaces: ['default'], staticPodNamespaces: ['*'] }));
  t.notOk(where('default', { allowedDaemonSetNamespaces: ['*'], ...named }));
  const all = { allowedNamespaces: ['*'], staticPodNamespaces: ['*'] };
  t.ok(where('default', all));
  t.notOk(where('kube-system', all), 'the cluster’s own must be named');
  t.notOk(where('kube-system', { allowedNamespaces: ['kube-system'] }));
  t.ok(where('kube-system', { allowedNamespaces: ['*'], staticPodNamespaces: ['kube-system'] }));
  t.notOk(where('kube-system', { staticPodNamespaces: ['kube-system'] }), 'which must be allowed');
  t.notOk(where('acme', { staticPodNamespaces: [] }), 'a Site can show none');
  t.notOk(where('acme', { allowedNamespaces: ['x'], staticPodNamespaces: ['x'] }));
  t.ok(where('acme', { staticPodNamespaces: ['*'] }));
  t.end();
});

void t.test('only what leads to nothing else, can be read, and is of some size', (t) => {
  const spec = { containers, imagePullSecrets: [{ name: 'x' }] };
  t.equal(refusal({ manifest: { spec } }), 'static pods may not reference secrets');
  t.match(refusal({ manifest: { spec: {} } }), /spec\.containers is not as expected/);
  t.match(refusal({ manifest: { spec: { containers: [null] } } }), 'is not as expected');
  const { manifest, ...whole } = {
    namespace: 'acme',
    name: 'w-berlin.acme',
    uid,
    seen: '',
    manifest: 0,
  };
  t.equal(manifest, 0);
  const rules = {
    node: { metadata: { name: 'berlin.acme', uid: 'n' } },
    tenant: 'acme',
    site: undefined,
  };
  t.match(planMirror(whole, rules), { ok: false, message: 'it has more than 32768 bytes' });
  t.end();
});
