import { mock } from 'node:test';
import pino from 'pino';
import t from 'tap';
import type { Pod, Toleration } from '../../../../src/kube/api.ts';
import type { Site } from '../../../../src/kube/site.ts';
import type { KubeClient } from '../../../../src/provider/kube-client/kube-client.ts';
import { tolerationSweepMs } from '../../../../src/provider/limits.ts';
import { PodIndex } from '../../../../src/provider/pod/pod-index.ts';
import { TolerationController } from '../../../../src/provider/pod/toleration-controller.ts';
import { SiteDirectory } from '../../../../src/provider/site/site-directory.ts';
import type { LinkState } from '../../../../src/provider/site/site-registry.ts';
import { CacheFake, podOf } from '../desired/desired-fixture.ts';

const site: Site = { metadata: { name: 'site', namespace: 'tenant', uid: 'u' } };

/** A cluster with one Site, and the controller of its pods' tolerations. */
class Scene {
  readonly pods = new CacheFake<Pod>();
  readonly sites = new CacheFake<Site>();
  readonly patched: { name: string; seconds: (number | undefined)[] }[] = [];
  readonly invalid: string[] = [];
  link: LinkState = 'connected';
  readonly #linkListeners: ((name: string) => void)[] = [];
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(before: readonly string[] = []) {
    for (const name of before) this.add(name, 'Running');
    this.sites.set(site);
    const controller = new TolerationController({
      client: { patch: this.#patch.bind(this) as KubeClient['patch'] },
      pods: new PodIndex(this.pods),
      sites: new SiteDirectory(this.sites),
      registry: {
        linkState: () => this.link,
        subscribe: (listener) => {
          this.#linkListeners.push(listener);
          return () => undefined;
        },
      },
      isSiteNode: (nodeName) => nodeName === 'site.tenant',
      onInvalidPolicy: (_site, message) => this.invalid.push(message),
      log: pino({ level: 'silent' }),
    });
    this.#running = controller.run(this.#stop.signal);
  }

  add(name: string, phase: 'Pending' | 'Running' | 'Failed', nodeName = 'site.tenant'): void {
    this.pods.set({ ...podOf(name, { nodeName }), status: { phase } });
  }

  setLink(link: LinkState): void {
    this.link = link;
    for (const listener of this.#linkListeners) listener('site.tenant');
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  #patch(
    _type: unknown,
    ref: { name: string },
    patch: { path: string; value: unknown }[],
  ): Promise<Pod> {
    const value = patch.find(({ path }) => path === '/spec/tolerations')?.value as Toleration[];
    const seconds = value.map(({ tolerationSeconds }) => tolerationSeconds);
    this.patched.push({ name: ref.name, seconds });
    const pod = this.pods.get('n', ref.name) ?? podOf(ref.name);
    const annotations = patch.find(({ path }) => path === '/metadata/annotations')?.value;
    const metadata = { ...pod.metadata, ...(annotations === undefined ? {} : { annotations }) };
    const next = { ...pod, metadata, spec: { ...pod.spec, tolerations: value } } as Pod;
    this.pods.set(next);
    return Promise.resolve(next);
  }
}

async function rounds(): Promise<void> {
  for (let i = 0; i < 5; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

void t.test('a new pod is left alone at first, and kept when its site goes away', async (t) => {
  const scene = new Scene();
  scene.add('running', 'Running');
  scene.add('starting', 'Pending');
  await rounds();
  t.same(scene.patched, []);
  scene.setLink('away');
  await rounds();
  t.same(scene.patched, [
    { name: 'running', seconds: [undefined, undefined] },
    { name: 'starting', seconds: [undefined, undefined] },
  ]);
  await scene.stop();
});

void t.test('a pod of a site that is away is kept as soon as it is there', async (t) => {
  const scene = new Scene();
  scene.setLink('away');
  scene.add('late', 'Pending');
  await rounds();
  t.same(scene.patched, [{ name: 'late', seconds: [undefined, undefined] }]);
  await scene.stop();
});

void t.test('pods that were there before the provider are kept at its start', async (t) => {
  const scene = new Scene(['early']);
  await rounds();
  t.same(scene.patched, [{ name: 'early', seconds: [undefined, undefined] }]);
  await scene.stop();
});

void t.test('a pod of a connected site is kept after a while', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => {
    mock.timers.reset();
  });
  const scene = new Scene();
  await rounds();
  scene.add('a', 'Running');
  mock.timers.tick(tolerationSweepMs - 1);
  await rounds();
  t.same(scene.patched, []);
  mock.timers.tick(1);
  await rounds();
  t.same(scene.patched, [{ name: 'a', seconds: [undefined, undefined] }]);
  await scene.stop();
});

void t.test('pods that have ended, of machines, and static ones are left alone', async (t) => {
  const scene = new Scene();
  scene.add('ended', 'Failed');
  scene.add('other', 'Running', 'machine.tenant');
  const { metadata, ...rest } = podOf('static');
  const annotations = { 'kubernetes.io/config.mirror': 'hash' };
  scene.pods.set({ ...rest, metadata: { ...metadata, annotations } });
  await rounds();
  t.same(scene.patched, []);
  await scene.stop();
});

void t.test('a change of the Site’s policy reaches its pods', async (t) => {
  const scene = new Scene();
  scene.add('a', 'Running');
  await rounds();
  scene.sites.set({ ...site, spec: { disconnection: { policy: 'Evict', evictAfter: '1h30m' } } });
  await rounds();
  t.same(scene.patched.at(-1), { name: 'a', seconds: [5400, 5400] });
  await scene.stop();
});

void t.test('what is no change of the policy leaves a new pod alone', async (t) => {
  const scene = new Scene();
  scene.add('a', 'Running');
  scene.sites.set({ ...site, status: { lastSeen: '2026-01-01T00:05:00Z' } });
  await rounds();
  t.same(scene.patched, [], 'its Site was seen again');
  scene.setLink('connected');
  await rounds();
  t.same(scene.patched, [], 'its site connected anew');
  await scene.stop();
});

void t.test('pods of a Site that is made anew follow it', async (t) => {
  const scene = new Scene();
  scene.add('a', 'Running');
  scene.sites.delete(site);
  scene.sites.set(site);
  await rounds();
  t.same(scene.patched, [{ name: 'a', seconds: [undefined, undefined] }]);
  await scene.stop();
});

void t.test('a policy that cannot be read keeps the pods and is told of', async (t) => {
  const scene = new Scene();
  scene.add('a', 'Running');
  scene.sites.set({ ...site, spec: { disconnection: { policy: 'Evict', evictAfter: 'soon' } } });
  await rounds();
  t.same(scene.patched, [{ name: 'a', seconds: [undefined, undefined] }]);
  t.match(scene.invalid[0], /^spec\.disconnection\.evictAfter: /);
  await scene.stop();
});
