import pino from 'pino';
import t from 'tap';
import type { Pod, PodStatus } from '../../../../src/kube/api.ts';
import type { PodReport } from '../../../../src/protocol/report.ts';
import { KubeApiError } from '../../../../src/provider/kube-client/kube-api-error.ts';
import type { KubeClient } from '../../../../src/provider/kube-client/kube-client.ts';
import { OwnWrites } from '../../../../src/provider/kube-client/own-writes.ts';
import { leaveMarginMs, statusWrites } from '../../../../src/provider/limits.ts';
import { PodIndex } from '../../../../src/provider/pod/pod-index.ts';
import { PodStatusController } from '../../../../src/provider/report/pod-status-controller.ts';
import type { LinkState } from '../../../../src/provider/site/site-registry.ts';
import { CacheFake, podOf } from '../desired/desired-fixture.ts';

const running: PodStatus = {
  phase: 'Running',
  conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }],
};

const podIdentity = { kind: 'Pod' as const, namespace: 'n', name: 'a', uid: 'a-uid' };

type Status = Record<string, unknown>;

/** Pods in an API server that takes status patches, and a controller of them. */
const foreign = { reason: 'TenantForbidden', message: 'not here', event: 'not here' };

class Scene {
  readonly cache = new CacheFake<Pod>();
  readonly calls: string[] = [];
  readonly deletedUids: (string | undefined)[] = [];
  readonly refused: string[] = [];
  readonly forbidden: string[] = [];
  /** Names of pods that must not get to their site. */
  readonly foreign = new Set<string>();
  /** Uids of the static pods that the site has told of. */
  readonly statics = new Set<string>();
  link: LinkState = 'connected';
  nowMs = Date.parse('2026-01-01T00:00:00Z');
  /** What the next writes fail with. */
  readonly failures: KubeApiError[] = [];
  /** Fields that this API server doesn't know. */
  unknownFields: string[] = [];
  /** False holds the watch back: the cache doesn't see what was written. */
  watching = true;
  readonly controller: PodStatusController;
  readonly #linkListeners: ((nodeName: string) => void)[] = [];
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #version = 1;

  constructor() {
    this.controller = new PodStatusController({
      client: {
        patch: this.#patch.bind(this) as KubeClient['patch'],
        delete: this.#delete.bind(this),
      },
      pods: new PodIndex(this.cache),
      writes: new OwnWrites(this.cache),
      registry: {
        linkState: () => this.link,
        subscribe: (listener) => {
          this.#linkListeners.push(listener);
          return () => undefined;
        },
      },
      isSiteNode: (nodeName) => nodeName === 'site.tenant',
      hasStaticPod: (nodeName, { uid }) => nodeName === 'site.tenant' && this.statics.has(uid),
      hostIP: '10.0.0.1',
      servesHostIPs: true,
      refusalOf: ({ metadata }) => (this.foreign.has(metadata.name) ? foreign : undefined),
      onForbidden: (pod) => this.forbidden.push(pod.metadata.name),
      onRefused: (pod) => this.refused.push(pod.metadata.name),
      log: pino({ level: 'silent' }),
      nowMs: () => this.nowMs,
    });
    this.#running = this.controller.run(this.#stop.signal);
  }

  setLink(link: LinkState): void {
    this.link = link;
    for (const listener of this.#linkListeners) listener('site.tenant');
  }

  report(name: string, change: Partial<PodReport> = {}): Promise<void> {
    const identity = { namespace: 'n', name, uid: `${name}-uid`, gone: false };
    return this.controller.report('site.tenant', {
      ...identity,
      status: running as Status,
      ...change,
    });
  }

  statusOf(name: string): PodStatus | undefined {
    return this.cache.get('n', name)?.status;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  #patch(_type: unknown, ref: { name: string }, patch: { status: Status }): Promise<Pod> {
    const failure = this.failures.shift();
    if (failure !== undefined) return Promise.reject(failure);
    this.calls.push(`patch ${ref.name} ${Object.keys(patch.status).sort().join()}`);
    const pod = this.cache.get('n', ref.name);
    if (pod === undefined) return Promise.reject(new KubeApiError('NOT_FOUND', 'gone'));
    const known = Object.entries(patch.status).filter(
      ([field, value]) => value !== null && !this.unknownFields.includes(field),
    );
    this.#version += 1;
    const metadata = { ...pod.metadata, resourceVersion: String(this.#version) };
    const next = { ...pod, metadata, status: { ...pod.status, ...Object.fromEntries(known) } };
    if (this.watching) this.cache.set(next);
    return Promise.resolve(next);
  }

  #delete(
    _type: unknown,
    ref: { name: string },
    options: { gracePeriodSeconds?: number; uid?: string },
  ): Promise<void> {
    this.deletedUids.push(options.uid);
    this.calls.push(`delete ${ref.name} ${options.gracePeriodSeconds ?? 'default'}`);
    const pod = this.cache.get('n', ref.name);
    if (pod !== undefined) this.cache.delete(pod);
    return Promise.resolve();
  }
}

async function rounds(): Promise<void> {
  for (let i = 0; i < 5; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

void t.test('a report is in the API when it is done', async (t) => {
  const scene = new Scene();
  scene.cache.set(podOf('a'));
  await scene.report('a');
  t.match(scene.statusOf('a'), { phase: 'Running', hostIP: '10.0.0.1' });
  await rounds();
  t.equal(scene.calls.length, 1);
  await scene.report('a');
  t.equal(scene.calls.length, 1, 'the same again writes nothing');
  await scene.stop();
});

void t.test('before the watch has caught up nothing is written twice', async (t) => {
  const scene = new Scene();
  scene.cache.set(podOf('a'));
  scene.watching = false;
  await scene.report('a');
  await scene.report('a');
  t.equal(scene.calls.length, 1);
  await scene.stop();
});

void t.test('fields that the API server drops are not sent for ever', async (t) => {
  const scene = new Scene();
  scene.unknownFields = ['hostIP', 'hostIPs'];
  scene.cache.set(podOf('a'));
  await scene.report('a');
  await scene.report('a');
  await rounds();
  t.equal(scene.calls.length, 1);
  await scene.stop();
});

void t.test('what somebody else wrote over it is put right', async (t) => {
  const scene = new Scene();
  scene.cache.set(podOf('a'));
  await scene.report('a');
  const pod = scene.cache.get('n', 'a');
  t.ok(pod);
  const flipped = { ...running, conditions: [{ type: 'Ready', status: 'False' as const }] };
  const metadata = { ...podOf('a').metadata, resourceVersion: '9' };
  scene.cache.set({ ...podOf('a'), metadata, status: { ...pod?.status, ...flipped } });
  await rounds();
  t.equal(scene.statusOf('a')?.conditions?.[0]?.status, 'True');
  await scene.stop();
});

void t.test('reports of pods that are not the site’s are dropped', async (t) => {
  const scene = new Scene();
  scene.cache.set(podOf('other', { nodeName: 'real-machine' }));
  scene.cache.set(podOf('a'));
  await scene.report('other');
  await scene.report('a', { uid: 'older-uid' });
  await scene.report('unknown');
  t.same(scene.calls, []);
  await scene.stop();
});

void t.test('a late report of a pod’s namesake doesn’t take the place of its own', async (t) => {
  const scene = new Scene();
  scene.cache.set(podOf('a'));
  await scene.report('a');
  await scene.report('a', { uid: 'older-uid', gone: true });
  scene.setLink('lost');
  await rounds();
  scene.setLink('connected');
  await rounds();
  t.equal(scene.statusOf('a')?.conditions?.[0]?.status, 'True');
  await scene.stop();
});

void t.test('a pod that is to be deleted stays until its site says that it is gone', async (t) => {
  const scene = new Scene();
  const { metadata, ...rest } = podOf('a');
  scene.cache.set({
    ...rest,
    metadata: { ...metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
  });
  await scene.report('a');
  await scene.report('a', { status: { phase: 'Succeeded' } });
  await scene.report('a', { uid: 'older-uid', gone: true });
  scene.setLink('lost');
  await rounds();
  t.same(scene.deletedUids, [], 'not while it ends, nor when its site is lost');
  scene.setLink('connected');
  await scene.report('a', { gone: true, status: {} });
  t.same(scene.deletedUids, ['a-uid'], 'and then this one alone, not who has its name by now');
  await scene.stop();
});

void t.test('a pod that is gone from its site is ended once it is to be deleted', async (t) => {
  const scene = new Scene();
  scene.cache.set(podOf('a'));
  await scene.report('a');
  await scene.report('a', { gone: true, status: { phase: 'Succeeded' } });
  t.equal(scene.statusOf('a')?.phase, 'Succeeded');
  const pod = scene.cache.get('n', 'a') ?? podOf('a');
  const metadata = { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
  scene.cache.set({ ...pod, metadata });
  await rounds();
  t.equal(scene.calls.at(-1), 'delete a 0');
  t.equal(scene.cache.get('n', 'a'), undefined);
  await scene.stop();
});

void t.test('a status that the API server refuses is told of and not tried for ever', async (t) => {
  const scene = new Scene();
  scene.cache.set(podOf('a'));
  scene.failures.push(new KubeApiError('INVALID', 'no'));
  await scene.report('a');
  await rounds();
  t.same(scene.refused, ['a']);
  t.same(scene.calls, []);
  await scene.stop();
});

void t.test('a write that fails is tried again before the report is done', async (t) => {
  const scene = new Scene();
  scene.cache.set(podOf('a'));
  scene.failures.push(new KubeApiError('UNREACHABLE', 'no'));
  await scene.report('a');
  t.equal(scene.statusOf('a')?.phase, 'Running');
  await scene.stop();
});

void t.test('a status that a restored store doesn’t have is written again', async (t) => {
  const scene = new Scene();
  scene.cache.set(podOf('a'));
  await scene.report('a');
  const { metadata } = scene.cache.get('n', 'a') ?? podOf('a');
  scene.cache.lists += 1;
  scene.cache.set({ ...podOf('a'), metadata: { ...metadata, resourceVersion: '0' } });
  await rounds();
  t.equal(scene.statusOf('a')?.phase, 'Running');
  await scene.stop();
});

void t.test('a lost site’s pods are made unready, and ready when it is back', async (t) => {
  const scene = new Scene();
  scene.cache.set(podOf('a'));
  await scene.report('a');
  scene.setLink('lost');
  await rounds();
  t.equal(scene.statusOf('a')?.conditions?.[0]?.status, 'False');
  t.equal(scene.statusOf('a')?.phase, 'Running');
  scene.setLink('connected');
  await rounds();
  t.equal(scene.statusOf('a')?.conditions?.[0]?.status, 'True');
  await scene.stop();
});

void t.test(
  'a pod that must not get to its site has failed, and nothing is heard of it',
  async (t) => {
    const scene = new Scene();
    scene.foreign.add('a');
    scene.cache.set(podOf('a'));
    await rounds();
    const expected = { phase: 'Failed', reason: 'TenantForbidden', message: 'not here' };
    t.match(scene.statusOf('a'), expected);
    await scene.report('a');
    await rounds();
    t.match(scene.statusOf('a'), expected, 'whatever the site says');
    t.same(scene.forbidden, ['a'], 'it is told once');
    t.equal(scene.calls.length, 1);
    await scene.stop();
  },
);

void t.test(
  'a pod that ran until its namespace was no longer allowed leaves the endpoints',
  async (t) => {
    const scene = new Scene();
    scene.cache.set(podOf('a'));
    await scene.report('a');
    scene.foreign.add('a');
    scene.setLink('away');
    scene.controller.review('site.tenant');
    await rounds();
    t.match(scene.statusOf('a'), {
      phase: 'Failed',
      reason: 'TenantForbidden',
      hostIP: '10.0.0.1',
    });
    t.equal(scene.statusOf('a')?.conditions?.[0]?.status, 'False');
    await scene.stop();
  },
);

void t.test('nobody is waited for to end a pod that must not get to its site', async (t) => {
  const scene = new Scene();
  scene.foreign.add('a');
  const pod = podOf('a');
  scene.cache.set({
    ...pod,
    metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
  });
  await rounds();
  t.equal(scene.calls.at(-1), 'delete a 0');
  await scene.stop();
});

void t.test('but for one that has run there, until its site must have stopped it', async (t) => {
  const scene = new Scene();
  const held = new Map([['Pod/n/a', { ...podIdentity, version: '1' }]]);
  scene.foreign.add('a');
  scene.setLink('lost');
  const { metadata, ...rest } = podOf('a');
  scene.cache.set({
    ...rest,
    metadata: { ...metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
    status: { ...running, startTime: '2026-01-01T00:00:00Z' },
  });
  await rounds();
  const isUntouched = (why: string): void => {
    t.same(scene.deletedUids, [], why);
    t.equal(scene.statusOf('a')?.phase, 'Running', why);
    t.equal(scene.statusOf('a')?.conditions?.[0]?.status, 'False', why);
  };
  isUntouched('it may run on');
  scene.setLink('connected');
  await rounds();
  isUntouched('nobody knows what the site holds');
  scene.controller.held('site.tenant', held);
  scene.controller.held('other.tenant', new Map());
  await rounds();
  scene.nowMs += 60_000;
  scene.controller.review('site.tenant');
  await rounds();
  isUntouched('the site holds it');
  scene.controller.held('site.tenant', new Map());
  await rounds();
  scene.nowMs += 30_000;
  scene.controller.review('site.tenant');
  await rounds();
  isUntouched('the site stops it');
  scene.setLink('away');
  scene.nowMs += 60_000;
  scene.setLink('connected');
  await rounds();
  isUntouched('the link has been away');
  scene.controller.held('site.tenant', new Map());
  await rounds();
  isUntouched('the site may have begun to stop it only now');
  scene.nowMs += 30_000 + leaveMarginMs;
  scene.controller.review('site.tenant');
  await rounds();
  t.match(scene.calls.at(-2), 'patch a', 'then it has failed');
  t.same(scene.deletedUids, ['a-uid']);
  await scene.stop();
});

void t.test('a site that says which pods still end there is taken at its word', async (t) => {
  const scene = new Scene();
  scene.foreign.add('a');
  const { metadata, ...rest } = podOf('a');
  const deletionTimestamp = '2026-01-01T00:00:00Z';
  const status = { ...running, startTime: deletionTimestamp };
  scene.cache.set({ ...rest, metadata: { ...metadata, deletionTimestamp }, status });
  await rounds();
  scene.controller.held('site.tenant', new Map(), ['other', 'a-uid']);
  await rounds();
  scene.nowMs += 3_600_000;
  scene.controller.review('site.tenant');
  await rounds();
  t.equal(
    scene.statusOf('a')?.phase,
    'Running',
    'also where that takes much longer than its grace',
  );
  scene.setLink('away');
  scene.setLink('connected');
  await rounds();
  t.equal(scene.statusOf('a')?.phase, 'Running', 'the link has been away');
  const held = new Map([['Pod/n/a', { ...podIdentity, version: '1' }]]);
  scene.controller.held('site.tenant', held, []);
  await rounds();
  t.equal(
    scene.statusOf('a')?.phase,
    'Running',
    'the site holds it, so nothing is said of its end',
  );
  scene.controller.held('site.tenant', new Map(), ['other']);
  await rounds();
  t.match(scene.calls.at(-2), 'patch a', 'then it has failed at once');
  t.same(scene.deletedUids, ['a-uid']);
  await scene.stop();
});

void t.test('what was forbidden before the start is written then', async (t) => {
  const cache = new CacheFake<Pod>();
  cache.set(podOf('a'));
  cache.set(podOf('b'));
  const written: string[] = [];
  const stop = new AbortController();
  const controller = new PodStatusController({
    client: {
      patch: ((_type: unknown, { name }: { name: string }) => {
        written.push(name);
        return Promise.resolve(podOf(name));
      }) as unknown as KubeClient['patch'],
      delete: () => Promise.resolve(),
    },
    pods: new PodIndex(cache),
    writes: new OwnWrites(cache),
    registry: { linkState: () => 'away', subscribe: () => () => undefined },
    isSiteNode: () => true,
    hasStaticPod: () => false,
    hostIP: '10.0.0.1',
    servesHostIPs: true,
    refusalOf: ({ metadata }) => (metadata.name === 'a' ? foreign : undefined),
    onRefused: () => undefined,
    onForbidden: () => undefined,
    log: pino({ level: 'silent' }),
  });
  const running = controller.run(stop.signal);
  await rounds();
  t.same(written, ['a']);
  stop.abort();
  await running;
});

function mirrorOf(name: string, uid: string, apiUid = `${name}-uid`): Pod {
  const pod = podOf(name, {}, apiUid);
  const annotations = { 'kubernetes.io/config.mirror': uid };
  return { ...pod, metadata: { ...pod.metadata, annotations } };
}

void t.test('a static pod’s status waits for its mirror pod, and for the next one', async (t) => {
  const scene = new Scene();
  scene.statics.add('hash-1');
  await scene.report('a', { uid: 'hash-1' });
  t.same(scene.calls, [], 'it is taken, and there is nothing to write it to yet');
  scene.cache.set(mirrorOf('a', 'hash-1'));
  await rounds();
  t.match(scene.statusOf('a'), { phase: 'Running' });
  scene.cache.delete(mirrorOf('a', 'hash-1'));
  scene.cache.set(mirrorOf('a', 'hash-1', 'another-uid'));
  await rounds();
  t.match(scene.statusOf('a'), { phase: 'Running' }, 'somebody deleted it, and it came anew');
  scene.cache.delete(mirrorOf('a', 'hash-1'));
  scene.controller.forgetStaticPod('other.tenant', 'n/a');
  scene.cache.set(mirrorOf('a', 'hash-1', 'a-third-uid'));
  await rounds();
  t.match(scene.statusOf('a'), { phase: 'Running' }, 'another site has no say in it');
  scene.cache.delete(mirrorOf('a', 'hash-1'));
  scene.statics.delete('hash-1');
  scene.controller.forgetStaticPod('site.tenant', 'n/a');
  scene.cache.set(mirrorOf('a', 'hash-1'));
  await rounds();
  t.equal(
    scene.statusOf('a')?.phase,
    undefined,
    'nothing is kept of one that the site has no more',
  );
  await scene.stop();
});

void t.test('what the site does not say it has is no static pod of its', async (t) => {
  const scene = new Scene();
  scene.cache.set(mirrorOf('a', 'hash-1'));
  await scene.report('a', { uid: 'hash-1' });
  await scene.report('b', { uid: 'hash-2' });
  scene.cache.set(mirrorOf('b', 'hash-2'));
  await rounds();
  t.same(scene.calls, []);
  scene.statics.add('hash-3').add('c-uid');
  scene.cache.set({ ...podOf('c'), spec: { ...podOf('c').spec, nodeName: 'other.tenant' } });
  await scene.report('c', { uid: 'c-uid' });
  scene.cache.set(mirrorOf('a', 'hash-3'));
  await scene.report('a', { uid: 'hash-3' });
  await scene.report('a', { uid: 'hash-1', gone: true });
  await rounds();
  t.match(
    scene.statusOf('a'),
    { phase: 'Running' },
    'a late report of the one before changes nothing',
  );
  t.equal(scene.statusOf('c')?.phase, undefined, 'nor does it hit a pod of another node');
  await scene.stop();
});

void t.test(
  'statuses and ends of many sites at once come at the rate of all of them',
  async (t) => {
    const scene = new Scene();
    t.teardown(() => scene.stop());
    const half = Array.from({ length: statusWrites.burst / 2 + 10 }, (_, n) => n);
    const beganAtMs = performance.now();
    const ended = half.map((n) => {
      const pod = podOf(`ended-${n}`, { nodeName: 'site.tenant' });
      const metadata = { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
      scene.cache.set({ ...pod, metadata });
      return scene.report(`ended-${n}`, { gone: true, status: {} });
    });
    const told = half.map((n) => {
      scene.cache.set(podOf(`told-${n}`, { nodeName: 'site.tenant' }));
      return scene.report(`told-${n}`);
    });
    await Promise.all([...ended, ...told]);
    const tookMs = performance.now() - beganAtMs;
    t.equal(scene.calls.filter((call) => call.startsWith('delete')).length, half.length);
    t.equal(scene.calls.length, 2 * half.length);
    t.ok(tookMs >= (1000 * 19) / statusWrites.perSecond, `the last of them after ${tookMs} ms`);
  },
);
