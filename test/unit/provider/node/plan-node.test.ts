import t from 'tap';
import type { Node, Taint } from '../../../../src/kube/api.ts';
import type { Site, SiteSpec } from '../../../../src/kube/site.ts';
import {
  managedAnnotation,
  newNode,
  planNodePatch,
  standsFor,
  wantedNode,
} from '../../../../src/provider/node/plan-node.ts';

const facts = { operatingSystem: 'linux', architecture: 'arm64' };

function site(spec: SiteSpec = {}): Site {
  return { metadata: { name: 'berlin', namespace: 'prod', uid: 'u' }, spec };
}

/** The Node as the API server has it after it was made for a site. */
function made(spec: SiteSpec = {}): Node {
  const node = newNode(wantedNode(site(spec), facts), {});
  return { ...node, metadata: { ...node.metadata, uid: 'n', resourceVersion: '7' } };
}

interface Patch {
  metadata: { resourceVersion: string; labels: Record<string, string | null> };
  spec?: { taints: Taint[] };
}

function patch(node: Node, spec: SiteSpec): Patch | undefined {
  return planNodePatch(node, wantedNode(site(spec), facts)) as Patch | undefined;
}

void t.test('a new node has the labels of any node, those of its site, and its taint', (t) => {
  const node = made({ nodeLabels: { zone: 'north', 'kubernetes.io/arch': 'amd64' } });
  t.equal(node.metadata.name, 'berlin.prod');
  t.match(node.metadata.labels, {
    'kubernetes.io/hostname': 'berlin.prod',
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': 'arm64',
    'towline.dev/site': 'berlin',
    'towline.dev/tenant': 'prod',
    zone: 'north',
  });
  t.same(node.spec?.taints, [{ key: 'towline.dev/site', value: 'berlin', effect: 'NoSchedule' }]);
  t.end();
});

void t.test('a node as it should be needs no patch', (t) => {
  t.equal(patch(made(), {}), undefined);
  t.equal(patch(made({ taints: [] }), { taints: [] }), undefined);
  t.end();
});

void t.test('labels come and go with the Site, those of others stay', (t) => {
  const node = made({ nodeLabels: { zone: 'north', old: 'x' } });
  node.metadata.labels = { ...node.metadata.labels, theirs: 'y' };
  const plan = patch(node, { nodeLabels: { zone: 'south' } });
  t.same(plan?.metadata.labels, { old: null, zone: 'south' });
  t.equal(plan?.metadata.resourceVersion, '7');
  t.end();
});

void t.test('a label of ours that somebody changed is set again', (t) => {
  const node = made();
  node.metadata.labels = { ...node.metadata.labels, 'kubernetes.io/os': 'plan9' };
  t.same(patch(node, {})?.metadata.labels, { 'kubernetes.io/os': 'linux' });
  t.end();
});

void t.test('taints of others stay, ours follow the Site', (t) => {
  const cordon: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
  const node = made();
  node.spec = { taints: [cordon, ...(node.spec?.taints ?? [])] };
  t.equal(patch(node, {}), undefined);
  const wet: Taint = { key: 'wet', effect: 'NoExecute' };
  t.same(patch(node, { taints: [wet] })?.spec?.taints, [cordon, wet]);
  t.same(patch(node, { taints: [] })?.spec?.taints, [cordon]);
  t.end();
});

void t.test('a taint that stays keeps what the API server added to it', (t) => {
  const wet: Taint = { key: 'wet', effect: 'NoExecute' };
  const node = made({ taints: [wet] });
  const stamped = { ...wet, timeAdded: '2026-01-01T00:00:00Z' };
  node.spec = { taints: [stamped] };
  t.equal(patch(node, { taints: [wet] }), undefined);
  const dry: Taint = { key: 'dry', effect: 'NoSchedule' };
  t.same(patch(node, { taints: [wet, dry] })?.spec?.taints, [stamped, dry]);
  t.end();
});

void t.test('an annotation that somebody damaged does no harm', (t) => {
  const node = made();
  node.metadata.annotations = { [managedAnnotation]: '{"labels":7' };
  t.same(patch(node, {})?.metadata.labels, {});
  t.end();
});

void t.test('a machine with the same name is not the site', (t) => {
  const id = { name: 'berlin', tenant: 'prod' };
  t.equal(standsFor(made(), id), true);
  t.equal(standsFor({ metadata: { name: 'berlin.prod' } }, id), false);
  t.end();
});
