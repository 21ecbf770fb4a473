import t from 'tap';
import type { Node, Pod } from '../../../../src/kube/api.ts';
import { desiredKinds } from '../../../../src/protocol/sync.ts';
import { DesiredSite } from '../../../../src/provider/desired/desired-site.ts';
import { nodeSource } from '../../../../src/provider/desired/named-sources.ts';
import type { ObjectSource } from '../../../../src/provider/desired/object-source.ts';
import { PodIndex } from '../../../../src/provider/pod/pod-index.ts';
import { CacheFake, emptySource, podOf, present, SourceFake, turns } from './desired-fixture.ts';

function scene(
  initial: Pod[] = [],
  kinds: readonly string[] = desiredKinds,
  nodes: ObjectSource = emptySource,
): {
  cache: CacheFake<Pod>;
  secrets: SourceFake;
  configMaps: SourceFake;
  index: PodIndex;
  site: DesiredSite;
  changes: () => number;
} {
  const cache = new CacheFake<Pod>();
  for (const pod of initial) cache.set(pod);
  const secrets = new SourceFake();
  const configMaps = new SourceFake();
  const index = new PodIndex(cache);
  let changes = 0;
  const site = new DesiredSite({
    nodeName: 'site.tenant',
    pods: index,
    sources: {
      ...{ ConfigMap: configMaps, Secret: secrets },
      ...{ ServiceLinks: emptySource, RuntimeClass: emptySource, Node: nodes },
      ...{ VolumeClaim: emptySource, TrustAnchors: emptySource },
    },
    kinds: new Set(kinds),
    onChange: () => (changes += 1),
  });
  return { cache, secrets, configMaps, index, site, changes: () => changes };
}

function keys(site: DesiredSite): string[] {
  return [...site.wanted().objects.keys()].sort();
}

const withSecret = { volumes: [{ name: 'v', secret: { secretName: 's' } }] };

void t.test('a pod that names nothing is wanted at once, those of other nodes never', (t) => {
  const { cache, site, changes } = scene();
  cache.set(podOf('a'));
  cache.set(podOf('b', { nodeName: 'other.tenant' }));
  t.same(keys(site), ['Pod/n/a']);
  t.equal(changes(), 1);
  t.end();
});

void t.test(
  'a status changes nothing of what a site is to hold, and causes no look-up',
  async (t) => {
    const { cache, secrets, site, changes } = scene();
    cache.set(podOf('a', withSecret));
    cache.set({ ...podOf('a', withSecret), status: { phase: 'Pending' } });
    t.equal(changes(), 1);
    t.equal(secrets.refreshes, 1, 'it is looked up already');
    secrets.answer('n', 's', present('Secret', 's'));
    await turns();
    t.same(keys(site), ['Pod/n/a', 'Secret/n/s'], 'it is complete all the same');
    const before = changes();
    cache.set({ ...podOf('a', withSecret), status: { phase: 'Running' } });
    t.equal(changes(), before);
    const labelled = podOf('a', withSecret);
    cache.set({ ...labelled, metadata: { ...labelled.metadata, labels: { app: 'x' } } });
    t.equal(changes(), before + 1);
    t.match(site.wanted().objects.get('Pod/n/a')?.object, { metadata: { labels: { app: 'x' } } });
  },
);

void t.test('mirror pods stay away from the site, and so does what they name', async (t) => {
  const mirror = (name: string): Pod => {
    const pod = podOf(name, withSecret);
    const annotations = { 'kubernetes.io/config.mirror': 'hash' };
    return { ...pod, metadata: { ...pod.metadata, annotations } };
  };
  const { cache, secrets, site } = scene([mirror('first')]);
  cache.set(mirror('second'));
  await turns();
  t.same(keys(site), []);
  t.equal(secrets.holds.size, 0);
});

void t.test('the Node belongs to a site without any pod, as far as it says something', (t) => {
  const nodes = new CacheFake<Node>();
  const { site, changes } = scene([], desiredKinds, nodeSource(nodes));
  t.same(keys(site), [], 'nobody waits for it');
  t.equal(site.wanted().unknown.size, 0);
  const metadata = { name: 'site.tenant', uid: 'node-uid', labels: { zone: 'a' } };
  nodes.set({ metadata });
  nodes.set({ metadata: { ...metadata, name: 'other.tenant' }, spec: { podCIDR: '10.2.0.0/24' } });
  t.same(keys(site), ['Node//site.tenant']);
  t.equal(changes(), 1);
  nodes.set({ metadata, spec: { podCIDR: '10.1.0.0/24', podCIDRs: ['10.1.0.0/24', 'fd00::/64'] } });
  t.equal(changes(), 2);
  const spec = { podCIDRs: ['10.1.0.0/24', 'fd00::/64'] };
  t.match(site.wanted().objects.get('Node//site.tenant')?.object, { spec });
  nodes.set({ metadata, spec: { podCIDR: '10.1.0.0/24' } });
  const older = { podCIDRs: ['10.1.0.0/24'] };
  t.match(site.wanted().objects.get('Node//site.tenant')?.object, { spec: older });
  t.equal(changes(), 3);
  const conditions = [{ type: 'Ready', status: 'True' as const }];
  nodes.set({ metadata, spec: { podCIDR: '10.1.0.0/24', taints: [] }, status: { conditions } });
  t.equal(changes(), 3, 'a heartbeat is no change');
  site.close();
  nodes.set({ metadata });
  t.equal(changes(), 3);
  t.end();
});

void t.test('a new pod appears together with what it names', async (t) => {
  const { cache, secrets, site, changes } = scene();
  cache.set(podOf('a', withSecret));
  await turns();
  t.same(keys(site), []);
  secrets.answer('n', 's', present('Secret', 's'));
  const before = changes();
  await turns();
  t.same(keys(site), ['Pod/n/a', 'Secret/n/s']);
  t.ok(changes() > before);
  t.end();
});

void t.test('a kind that a site does not take is neither looked up nor waited for', async (t) => {
  const { cache, secrets, site } = scene([], ['Pod', 'ConfigMap']);
  cache.set(podOf('a', withSecret));
  await turns();
  t.same(keys(site), ['Pod/n/a']);
  t.equal(secrets.holds.size, 0);
  t.equal(site.wanted().unknown.size, 0);
});

void t.test('a Secret that does not exist holds up no pod', async (t) => {
  const { cache, secrets, site } = scene();
  cache.set(podOf('a', withSecret));
  secrets.answer('n', 's', { kind: 'absent' });
  await turns();
  t.same(keys(site), ['Pod/n/a']);
  t.equal(site.wanted().unknown.size, 0);
  t.end();
});

void t.test(
  'a Secret that cannot be read is not known, so that a site keeps its own',
  async (t) => {
    const { cache, secrets, site } = scene();
    cache.set(podOf('a', withSecret));
    secrets.answer('n', 's', { kind: 'unknown' });
    await turns();
    t.same([...site.wanted().unknown], ['Secret/n/s']);
    t.end();
  },
);

void t.test('at the start it is ready when everything was looked up once', async (t) => {
  const { secrets, site } = scene([podOf('a', withSecret), podOf('b')]);
  let ready = false;
  const waiting = site.ready.then(() => (ready = true));
  await turns();
  t.equal(ready, false);
  secrets.answer('n', 's', present('Secret', 's'));
  await waiting;
  t.same(keys(site), ['Pod/n/a', 'Pod/n/b', 'Secret/n/s']);
});

void t.test('an object is let go with the last pod that names it', async (t) => {
  const { cache, secrets, site } = scene();
  cache.set(podOf('a', withSecret));
  cache.set(podOf('b', withSecret));
  secrets.answer('n', 's', present('Secret', 's'));
  await turns();
  cache.delete(podOf('a', withSecret));
  t.same(keys(site), ['Pod/n/b', 'Secret/n/s']);
  cache.delete(podOf('b', withSecret));
  t.same(keys(site), []);
  t.equal(secrets.holds.size, 0);
  t.end();
});

void t.test('a pod that is known stays wanted while it changes', async (t) => {
  const { cache, secrets, site } = scene();
  cache.set(podOf('a', withSecret));
  secrets.answer('n', 's', present('Secret', 's'));
  await turns();
  const changed = podOf('a', withSecret);
  changed.metadata.labels = { x: 'y' };
  cache.set(changed);
  t.same(keys(site), ['Pod/n/a', 'Secret/n/s']);
  t.end();
});

void t.test('a pod replaced under its name waits anew', async (t) => {
  const { cache, secrets, site } = scene();
  cache.set(podOf('a', withSecret));
  secrets.answer('n', 's', present('Secret', 's'));
  await turns();
  cache.set(podOf('a', withSecret, 'other-uid'));
  t.same(keys(site), []);
  t.ok(site.wanted().unknown.has('Secret/n/s'), 'what the site has of it, it keeps');
  secrets.answer('n', 's', present('Secret', 's', '2'));
  await turns();
  t.equal(site.wanted().objects.get('Pod/n/a')?.uid, 'other-uid');
  t.end();
});

void t.test('a status changes nothing of what is sent, a deletion does', (t) => {
  const { cache, site } = scene();
  cache.set(podOf('a'));
  const version = site.wanted().objects.get('Pod/n/a')?.version;
  const running = podOf('a', { tolerations: [{ key: 'k', operator: 'Exists' }] });
  running.status = { phase: 'Running' };
  running.metadata.resourceVersion = '2';
  cache.set(running);
  t.equal(site.wanted().objects.get('Pod/n/a')?.version, version);
  const ending = podOf('a');
  ending.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
  ending.metadata.deletionGracePeriodSeconds = 30;
  cache.set(ending);
  t.not(site.wanted().objects.get('Pod/n/a')?.version, version);
  t.end();
});

void t.test('it knows how pods ended, and says nothing of the others', (t) => {
  const ready = { type: 'Ready', status: 'True' as const };
  const status = { phase: 'Running' as const, podIP: '10.0.0.1', conditions: [ready] };
  const { cache, site } = scene([{ ...podOf('a'), status }, podOf('b')]);
  t.same([...site.wanted().ends], []);
  const end = { phase: 'Failed' as const, reason: 'Evicted', podIP: '10.0.0.1' };
  cache.set({ ...podOf('a'), status: { ...status, ...end, hostIP: '10.0.0.9' } });
  t.same([...site.wanted().ends], [['Pod/n/a', end]], 'what the site itself had said');
  cache.delete(podOf('a'));
  t.same([...site.wanted().ends], []);
  t.end();
});

void t.test('a pod that became malformed is kept where it is held', (t) => {
  const { cache, index, site } = scene();
  cache.set(podOf('a'));
  index.reject('n/b', 'site.tenant');
  index.reject('n/c', 'other.tenant');
  t.same([...site.wanted().unknown], ['Pod/n/b']);
  cache.set(podOf('b'));
  t.equal(site.wanted().unknown.size, 0);
  t.end();
});

void t.test('closed, it hears and holds nothing any more', async (t) => {
  const { cache, secrets, site, changes } = scene();
  cache.set(podOf('a', withSecret));
  site.close();
  const before = changes();
  cache.set(podOf('b'));
  secrets.answer('n', 's', { kind: 'absent' });
  await turns();
  t.equal(secrets.holds.size, 0);
  // The fake still tells of its answer; the pod that waited for it doesn't any more.
  t.equal(changes(), before + 1);
  t.end();
});
