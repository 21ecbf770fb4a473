import t from 'tap';
import type { OwnerReference, Pod, PodStatus } from '../../../../src/kube/api.ts';
import type { Site, SiteSpec } from '../../../../src/kube/site.ts';
import { mayHavePodsOf, tenantRefusal } from '../../../../src/provider/pod/tenancy.ts';

const daemonSet = { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'd', uid: 'u' };

function pod(namespace: string, owners: OwnerReference[] = [], status: PodStatus = {}): Pod {
  return {
    metadata: { name: 'p', namespace, uid: 'p-uid', ownerReferences: owners },
    spec: { nodeName: 'site.acme', containers: [{ name: 'c', image: 'i' }] },
    status,
  };
}

function rules(spec: SiteSpec = {}): { tenant: string; site: Site } {
  return { tenant: 'acme', site: { metadata: { name: 'site', namespace: 'acme' }, spec } };
}

void t.test('a site takes the pods of its own namespace', (t) => {
  t.equal(tenantRefusal(pod('acme'), rules()), undefined);
  t.equal(tenantRefusal(pod('acme'), { tenant: 'acme', site: undefined }), undefined);
  t.end();
});

void t.test('and of no other, unless its Site lists it', (t) => {
  t.match(tenantRefusal(pod('other'), rules()), /belongs to namespace "acme".*no pods of "other"/);
  t.ok(tenantRefusal(pod('other'), { tenant: 'acme', site: undefined }));
  t.ok(tenantRefusal(pod('other'), rules({ allowedNamespaces: ['oth', 'others', ''] })));
  t.equal(tenantRefusal(pod('other'), rules({ allowedNamespaces: ['x', 'other'] })), undefined);
  t.equal(tenantRefusal(pod('other'), rules({ allowedNamespaces: ['*'] })), undefined);
  t.end();
});

void t.test('a namespace listed for DaemonSets may send what a DaemonSet controls', (t) => {
  const site = rules({ allowedDaemonSetNamespaces: ['kube-system'] });
  const controlled = { ...daemonSet, controller: true };
  t.equal(tenantRefusal(pod('kube-system', [controlled]), site), undefined);
  for (const owners of [
    [],
    [daemonSet],
    [{ ...daemonSet, controller: false }],
    [{ ...controlled, kind: 'ReplicaSet' }],
    [{ ...controlled, apiVersion: 'example.com/v1' }],
  ]) {
    t.ok(tenantRefusal(pod('kube-system', owners), site), JSON.stringify(owners));
  }
  t.end();
});

void t.test('an owner that a tenant made up lets nobody in', (t) => {
  const site = rules({ allowedDaemonSetNamespaces: ['kube-system'] });
  t.ok(tenantRefusal(pod('other', [{ ...daemonSet, controller: true }]), site));
  t.end();
});

void t.test('a pod that was refused stays away, whatever is allowed later', (t) => {
  const status: PodStatus = { phase: 'Failed', reason: 'TenantForbidden', message: 'no' };
  const site = rules({ allowedNamespaces: ['*'] });
  t.equal(tenantRefusal(pod('other', [], status), site), 'no');
  t.ok(tenantRefusal(pod('other', [], { phase: 'Failed', reason: 'TenantForbidden' }), site));
  t.equal(tenantRefusal(pod('other', [], { phase: 'Failed', reason: 'Evicted' }), site), undefined);
  t.equal(tenantRefusal(pod('acme', [], status), site), undefined);
  t.end();
});

void t.test('what namespaces a site may have pods of at all', (t) => {
  const site = rules({ allowedNamespaces: ['a'], allowedDaemonSetNamespaces: ['d'] });
  const allowed = ['acme', 'a', 'd', 'x'].filter((namespace) => mayHavePodsOf(namespace, site));
  t.same(allowed, ['acme', 'a', 'd']);
  t.end();
});
