import pino from 'pino';
import t from 'tap';
import type { Node, Pod } from '../../../../src/kube/api.ts';
import type { Site, SiteSpec } from '../../../../src/kube/site.ts';
import { staticPodsDigest } from '../../../../src/protocol/digest.ts';
import type { StaticPodReport } from '../../../../src/protocol/report.ts';
import { KubeApiError } from '../../../../src/provider/kube-client/kube-api-error.ts';
import type { KubeClient } from '../../../../src/provider/kube-client/kube-client.ts';
import { mirrorBurst } from '../../../../src/provider/mirror/limits.ts';
import { MirrorController } from '../../../../src/provider/mirror/mirror-controller.ts';
import { PodIndex } from '../../../../src/provider/pod/pod-index.ts';
import { SiteDirectory } from '../../../../src/provider/site/site-directory.ts';
import type { LinkState } from '../../../../src/provider/site/site-registry.ts';
import { CacheFake, podOf, turns } from '../desired/desired-fixture.ts';

const nodeName = 'site.tenant';

/** An API server with a site and its node, and a controller of its mirror pods. */
class Scene {
  readonly pods = new CacheFake<Pod>();
  readonly sites = new CacheFake<Site>();
  readonly calls: string[] = [];
  readonly events: string[] = [];
  readonly forgotten: string[] = [];
  readonly failures: KubeApiError[] = [];
  readonly logged: string[] = [];
  node: Node | undefined = { metadata: { name: nodeName, uid: 'node-uid' } };
  link: LinkState = 'connected';
  now = 0;
  readonly controller: MirrorController;
  readonly #linkListeners: ((nodeName: string) => void)[] = [];
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor() {
    this.setSite({});
    this.controller = new MirrorController({
      client: {
        create: this.#create.bind(this) as unknown as KubeClient['create'],
        delete: this.#delete.bind(this),
      },
      pods: new PodIndex(this.pods),
      sites: new SiteDirectory(this.sites),
      registry: {
        linkState: () => this.link,
        subscribe: (listener) => {
          this.#linkListeners.push(listener);
          return () => undefined;
        },
      },
      nodeOf: () => this.node,
      onNotShown: ({ metadata }, message) => this.events.push(`${metadata.name}: ${message}`),
      onForgotten: (_nodeName, key) => this.forgotten.push(key),
      log: pino({ level: 'info' }, { write: (line) => this.logged.push(line) }),
      now: () => this.now,
    });
    this.#running = this.controller.run(this.#stop.signal);
  }

  setSite(spec: SiteSpec): void {
    this.sites.set({ metadata: { name: 'site', namespace: 'tenant' }, spec });
  }

  async setLink(link: LinkState): Promise<void> {
    this.link = link;
    for (const listener of this.#linkListeners) listener(nodeName);
    await turns(50);
  }

  async tell(...pods: readonly StaticPodReport[]): Promise<void> {
    this.controller.told(nodeName, pods);
    await turns(200);
  }

  /** Calls since the last time. */
  done(): string[] {
    return this.calls.splice(0);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  #create(_type: unknown, pod: Pod): Promise<Pod> {
    const { name, namespace = '' } = pod.metadata;
    this.calls.push(`create ${name}`);
    const failure = this.failures.shift();
    if (failure !== undefined) return Promise.reject(failure);
    if (this.pods.get(namespace, name) !== undefined) {
      return Promise.reject(new KubeApiError('ALREADY_EXISTS', 'there'));
    }
    const uid = `api-${this.calls.length}-${String(pod.metadata.annotations?.['kubernetes.io/config.hash'])}`;
    const created = { ...pod, metadata: { ...pod.metadata, uid } };
    this.pods.set(created);
    return Promise.resolve(created);
  }

  #delete(
    _type: unknown,
    ref: { namespace?: string; name: string },
    options: object,
  ): Promise<void> {
    const pod = this.pods.get(ref.namespace, ref.name);
    this.calls.push(`delete ${ref.name}`);
    t.match(options, { gracePeriodSeconds: 0, uid: pod?.metadata.uid });
    if (pod !== undefined) this.pods.delete(pod);
    return Promise.resolve();
  }
}

function told(name: string, file = '1', change: Partial<StaticPodReport> = {}): StaticPodReport {
  return {
    ...{ namespace: 'tenant', name: `${name}-${nodeName}`, uid: file.repeat(32), seen: 'then' },
    manifest: { spec: { containers: [{ name: 'c', image: 'i' }] } },
    ...change,
  };
}

void t.test('a static pod is shown, follows its file, and goes with it', async (t) => {
  const scene = new Scene();
  t.equal(scene.controller.digestOf(nodeName), undefined);
  await scene.tell(told('web'));
  t.same(scene.done(), ['create web-site.tenant']);
  t.equal(scene.controller.digestOf(nodeName), staticPodsDigest([told('web')]));
  t.ok(scene.controller.has(nodeName, told('web')));
  t.notOk(scene.controller.has(nodeName, told('web', '2')));
  await scene.tell(told('web'));
  t.same(scene.done(), [], 'once');
  await scene.tell(told('web', '2'), told('db'));
  t.same(scene.done().sort(), [
    ...['create db-site.tenant', 'create web-site.tenant', 'delete web-site.tenant'],
  ]);
  t.match(scene.pods.get('tenant', 'web-site.tenant'), {
    metadata: { annotations: { 'kubernetes.io/config.mirror': '2'.repeat(32) } },
  });
  await scene.tell(told('db'));
  t.same(scene.done(), ['delete web-site.tenant']);
  t.same(scene.forgotten, ['tenant/web-site.tenant']);
  await scene.stop();
});

void t.test('one that somebody deletes comes anew', async (t) => {
  const scene = new Scene();
  await scene.tell(told('web'));
  const pod = scene.pods.get('tenant', 'web-site.tenant');
  if (pod === undefined) throw new TypeError('no pod');
  scene.done();
  scene.pods.set({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: 'now' } });
  await turns(200);
  t.same(scene.done(), ['delete web-site.tenant', 'create web-site.tenant']);
  await scene.stop();
});

void t.test('nothing is changed while the site is away, or before it has told', async (t) => {
  const scene = new Scene();
  const other = podOf('old-site.tenant');
  const annotations = { 'kubernetes.io/config.mirror': 'x' };
  const orphan = { ...other, metadata: { ...other.metadata, namespace: 'tenant', annotations } };
  scene.pods.set(orphan);
  await turns(50);
  t.same(scene.done(), [], 'it may be one that it has');
  await scene.setLink('away');
  await scene.tell();
  t.same(scene.done(), []);
  await scene.setLink('connected');
  t.same(scene.done(), ['delete old-site.tenant'], 'it is not');
  await scene.stop();
});

void t.test(
  'nothing is changed at a Node that is not the site’s, unless the Site goes',
  async (t) => {
    const scene = new Scene();
    await scene.tell(told('web'), told('db'));
    scene.done();
    scene.node = undefined;
    await scene.tell(told('web'));
    scene.controller.review(nodeName);
    await turns(200);
    t.same(scene.done(), []);
    const metadata = { name: 'site', namespace: 'tenant', deletionTimestamp: 'now' };
    scene.sites.set({ metadata: { ...metadata, finalizers: ['towline.dev/site'] }, spec: {} });
    await turns(200);
    t.same(scene.done().sort(), ['delete db-site.tenant', 'delete web-site.tenant']);
    await scene.stop();
  },
);

void t.test('what comes of a Node that is back is made up for', async (t) => {
  const scene = new Scene();
  const node = scene.node;
  scene.node = undefined;
  await scene.tell(told('web'));
  t.same(scene.done(), []);
  scene.node = node;
  scene.controller.review(nodeName);
  await turns(200);
  t.same(scene.done(), ['create web-site.tenant']);
  await scene.stop();
});

void t.test('a site has only static pods of its node’s name, where it may have pods', async (t) => {
  const scene = new Scene();
  const foreign = told('web', '1', { namespace: 'other' });
  const misnamed = told('web', '2', { name: 'web-other.tenant' });
  await scene.tell(told('web'), foreign, misnamed);
  const has = [told('web'), foreign, misnamed].map((pod) => scene.controller.has(nodeName, pod));
  t.same(has, [true, false, false]);
  scene.setSite({ allowedNamespaces: ['other'] });
  t.ok(scene.controller.has(nodeName, foreign));
  await scene.stop();
});

void t.test('a list that is the last one again is no news', async (t) => {
  const scene = new Scene();
  scene.failures.push(new KubeApiError('FORBIDDEN', 'no'));
  await scene.tell(told('web'));
  scene.done();
  await scene.tell(told('web'));
  t.same(scene.done(), []);
  await scene.tell(told('web'), told('db'));
  t.same(scene.done().sort(), ['create db-site.tenant', 'create web-site.tenant']);
  await scene.stop();
});

void t.test(
  'a name that is taken by what is not seen is told of, and not asked for again and again',
  async (t) => {
    const scene = new Scene();
    const taken = new KubeApiError('ALREADY_EXISTS', 'there');
    scene.failures.push(taken, taken);
    await scene.tell(told('web'));
    t.same([scene.done(), scene.events], [['create web-site.tenant'], []], 'the watch may be late');
    scene.controller.review(nodeName);
    await turns(200);
    t.same(scene.done(), ['create web-site.tenant']);
    t.match(scene.events, [/another pod has its name$/]);
    await scene.stop();
  },
);

void t.test('one refusal is logged once', async (t) => {
  const scene = new Scene();
  const many = Array.from({ length: 27 }, (_, n) => told(`p${n}`, '1', { namespace: 'other' }));
  await scene.tell(...many);
  for (let n = 0; n < 5; n += 1) {
    scene.controller.review(nodeName);
    await turns(200);
  }
  t.equal(scene.events.length, 25);
  t.equal(scene.logged.filter((line) => line.includes('is not shown')).length, 2);
  await scene.stop();
});

void t.test('a pod of others stays as it is, and the device’s is not shown', async (t) => {
  const scene = new Scene();
  const other = podOf('web-site.tenant');
  scene.pods.set({ ...other, metadata: { ...other.metadata, namespace: 'tenant' } });
  await scene.tell(told('web'));
  t.same(scene.done(), []);
  t.match(scene.events, [
    /^site\.tenant: Static pod tenant\/web-site\.tenant runs, and is not shown.*another pod has its name$/,
  ]);
  scene.pods.delete({ ...other, metadata: { ...other.metadata, namespace: 'tenant' } });
  await turns(50);
  t.same(scene.done(), ['create web-site.tenant'], 'until the name is free');
  await scene.stop();
});

void t.test(
  'what the Site does not allow is not shown, and goes when it is allowed no more',
  async (t) => {
    const scene = new Scene();
    const pod = told('web', '1', { namespace: 'other' });
    await scene.tell(pod);
    t.same(scene.done(), []);
    t.match(scene.events, [/shows no static pods in namespace "other"/]);
    t.notOk(scene.controller.shows(nodeName, pod));
    scene.setSite({ allowedNamespaces: ['other'], staticPodNamespaces: ['other'] });
    await turns(50);
    t.same(scene.done(), ['create web-site.tenant']);
    t.ok(scene.controller.shows(nodeName, pod));
    scene.setSite({});
    await turns(50);
    t.same(scene.done(), ['delete web-site.tenant']);
    scene.sites.delete({ metadata: { name: 'site', namespace: 'tenant' } });
    t.equal(
      scene.controller.digestOf(nodeName),
      undefined,
      'nothing is kept of a site that is gone',
    );
    await scene.stop();
  },
);

void t.test(
  'what the cluster refuses is told of, and no reason to try again at once',
  async (t) => {
    const scene = new Scene();
    scene.failures.push(new KubeApiError('FORBIDDEN', 'violates PodSecurity "restricted"'));
    await scene.tell(told('web'));
    t.same(scene.done(), ['create web-site.tenant']);
    t.match(scene.events, [/violates PodSecurity/]);
    await scene.stop();
  },
);

void t.test('a site that changes its mind all the time is slowed down', async (t) => {
  const scene = new Scene();
  for (let n = 0; n < mirrorBurst; n += 1) await scene.tell(told('web', String(n % 10)));
  const before = scene.done().length;
  t.ok(before <= mirrorBurst && before > mirrorBurst - 10, String(before));
  await scene.tell(told('web', 'a'));
  t.same(scene.done(), []);
  const many = Array.from({ length: 100 }, (_, n) => told(`p${n}`, '1', { namespace: 'other' }));
  await scene.tell(...many);
  t.equal(scene.events.length, 25, 'and so are the events about it');
  await scene.stop();
});
