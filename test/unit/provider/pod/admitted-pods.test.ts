import t from 'tap';
import type { Node, Pod } from '../../../../src/kube/api.ts';
import type { Site, SiteSpec } from '../../../../src/kube/site.ts';
import { AdmittedPods } from '../../../../src/provider/pod/admitted-pods.ts';
import { PodIndex, podKeyOf } from '../../../../src/provider/pod/pod-index.ts';
import { SiteDirectory } from '../../../../src/provider/site/site-directory.ts';
import { CacheFake } from '../desired/desired-fixture.ts';

const nodeName = 'site.acme';

/** A site of the namespace acme, with what is bound to its node. */
class Scene {
  readonly pods = new CacheFake<Pod>();
  readonly sites = new CacheFake<Site>();
  readonly nodes = new CacheFake<Node>();
  readonly index = new PodIndex(this.pods);
  readonly admitted: AdmittedPods;

  constructor() {
    const sites = new SiteDirectory(this.sites);
    this.admitted = new AdmittedPods({ pods: this.index, sites, nodes: this.nodes });
    this.allow({});
  }

  allow(spec: SiteSpec, metadata: Partial<Site['metadata']> = {}): void {
    this.sites.set({ metadata: { name: 'site', namespace: 'acme', ...metadata }, spec });
  }

  add(namespace: string, name: string): Pod {
    const pod: Pod = {
      metadata: { name, namespace, uid: `${name}-uid` },
      spec: { nodeName, containers: [{ name: 'c', image: 'i' }] },
    };
    this.pods.set(pod);
    return pod;
  }

  names(): string[] {
    return this.admitted.ofNode(nodeName).map(podKeyOf);
  }
}

void t.test('pods of other namespaces are not seen, by name or by node', (t) => {
  const scene = new Scene();
  scene.add('acme', 'a');
  const other = scene.add('other', 'b');
  t.same(scene.names(), ['acme/a']);
  t.ok(scene.admitted.get('acme', 'a'));
  t.equal(scene.admitted.get('other', 'b'), undefined);
  t.ok(scene.admitted.refusalOf(other));
  t.end();
});

void t.test('a pod comes and goes with what the Site allows', (t) => {
  const scene = new Scene();
  const told: string[] = [];
  const listen = ({ pod, gone }: { pod: Pod; gone: boolean }): void => {
    told.push(`${gone ? '-' : '+'}${podKeyOf(pod)}`);
  };
  const unsubscribe = scene.admitted.subscribe(listen, nodeName);
  const other = scene.add('other', 'b');
  scene.add('acme', 'a');
  t.same(told.splice(0), ['-other/b', '+acme/a']);
  scene.allow({ allowedNamespaces: ['other'] });
  t.same(told.splice(0), ['+other/b'], 'only what the change can concern');
  t.same(scene.names(), ['other/b', 'acme/a']);
  t.equal(scene.admitted.refusalOf(other), undefined);
  scene.allow({});
  t.same(told.splice(0), ['-other/b']);
  unsubscribe();
  scene.allow({ allowedNamespaces: ['*'] });
  scene.add('other', 'c');
  t.same(told, []);
  t.end();
});

void t.test('a Site that is being deleted keeps what it had', (t) => {
  const scene = new Scene();
  scene.add('other', 'b');
  const spec = { allowedNamespaces: ['other'] };
  scene.allow(spec, { deletionTimestamp: '2026-01-01T00:00:00Z' });
  t.same(scene.names(), ['other/b']);
  t.end();
});

void t.test('without a Site nothing of another namespace is seen, and nothing is judged', (t) => {
  const scene = new Scene();
  const other = scene.add('other', 'b');
  scene.sites.delete({ metadata: { name: 'site', namespace: 'acme' } });
  t.same(scene.names(), []);
  t.equal(scene.admitted.refusalOf(other), undefined);
  t.end();
});

void t.test('of malformed pods the namespace decides', (t) => {
  const scene = new Scene();
  scene.index.reject('acme/a', nodeName);
  scene.index.reject('other/b', nodeName);
  t.same(scene.admitted.malformedOf(nodeName), ['acme/a']);
  t.same(scene.admitted.malformedOf('machine'), []);
  t.end();
});
