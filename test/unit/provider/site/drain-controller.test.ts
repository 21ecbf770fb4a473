import pino from 'pino';
import t, { type Test } from 'tap';
import type { Pod, Toleration } from '../../../../src/kube/api.ts';
import { siteFinalizer, type Site } from '../../../../src/kube/site.ts';
import { wantedNode } from '../../../../src/provider/node/plan-node.ts';
import type { PodListener } from '../../../../src/provider/pod/pod-index.ts';
import { DrainController } from '../../../../src/provider/site/drain-controller.ts';
import { SiteRegistry } from '../../../../src/provider/site/site-registry.ts';
import { writeFrame } from '../../../../src/tunnel/json-frame.ts';
import { firstFrame, TunnelSessionFake } from './tunnel-session-fake.ts';

const log = pino({ level: 'silent' });
const nodeName = 'shop.acme';

function site(fields: Partial<Site['metadata']> = {}): Site {
  return {
    metadata: { namespace: 'acme', name: 'shop', uid: 'u', resourceVersion: '7', ...fields },
  };
}

const leaving = site({
  deletionTimestamp: '2026-01-01T00:00:00Z',
  finalizers: ['x', siteFinalizer],
});

function pod(...tolerations: Toleration[]): Pod {
  return {
    metadata: { name: 'p', namespace: 'acme' },
    spec: { containers: [], nodeName, tolerations },
  };
}

function scene(t: Test, start: Site) {
  const world: { site: Site; pods: Pod[]; patches: unknown[] } = {
    site: start,
    pods: [],
    patches: [],
  };
  const registry = new SiteRegistry({ graceMs: 60_000, log });
  let podGone: PodListener = () => undefined;
  const drains = new DrainController({
    client: {
      patch: <T>(_type: unknown, _ref: unknown, patch: unknown): Promise<T> => {
        world.patches.push(patch);
        return Promise.resolve({} as T);
      },
    },
    sites: { get: () => world.site, nodeNames: () => [nodeName], subscribe: () => () => undefined },
    pods: {
      ofNode: () => world.pods,
      subscribe: (listener) => {
        podGone = listener;
        return () => undefined;
      },
    },
    ...{ registry, log },
  });
  const stop = new AbortController();
  const running = drains.run(stop.signal);
  t.teardown(async () => {
    stop.abort();
    await running;
    await registry.stop(0);
  });
  return {
    world,
    connect: (): TunnelSessionFake => {
      const session = new TunnelSessionFake();
      registry.connect(nodeName, session, () => Promise.resolve());
      return session;
    },
    podGone: (gone: Pod): void => {
      podGone({ nodeName, pod: gone, gone: true });
    },
  };
}

const settled = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 5));

void t.test('a Site that has connected is held', async (t) => {
  const { world, connect } = scene(t, site({ finalizers: ['x'] }));
  await settled();
  t.same(world.patches, []);
  connect();
  await settled();
  const metadata = { uid: 'u', resourceVersion: '7', finalizers: ['x', siteFinalizer] };
  t.same(world.patches, [{ metadata }]);
});

void t.test('the node of a Site that is deleted drives its pods out', (t) => {
  const taints = (of: Site) =>
    wantedNode(of, { operatingSystem: 'linux', architecture: 'amd64' }).taints;
  t.equal(taints(site()).length, 1);
  t.match(taints(leaving)[1], { key: 'towline.dev/leaving', effect: 'NoExecute' });
  t.end();
});

void t.test(
  'the device is told to leave when the last pod is gone, and then the Site',
  async (t) => {
    const { world, connect, podGone } = scene(t, leaving);
    const leaves = pod({ key: 'towline.dev/site', operator: 'Exists' });
    const stays = pod({ operator: 'Exists' });
    world.pods = [leaves, stays];
    const session = connect();
    await settled();
    t.equal(session.opened.length, 0, 'a pod that has its grace is waited for');
    world.pods = [stays];
    podGone(leaves);
    await settled();
    const far = session.opened[0]?.far;
    if (far === undefined) throw new TypeError('nothing was asked');
    t.same(await firstFrame(far), { type: 'leave' });
    await settled();
    t.same(world.patches, [], 'not before the answer');
    await writeFrame(far, { ok: true });
    await settled();
    t.same(world.patches, [{ metadata: { uid: 'u', resourceVersion: '7', finalizers: ['x'] } }]);
  },
);

void t.test('a site that is away is waited for', async (t) => {
  const { world, connect } = scene(t, leaving);
  await settled();
  t.same(world.patches, []);
  const session = connect();
  await settled();
  t.equal(session.opened.length, 1);
});
