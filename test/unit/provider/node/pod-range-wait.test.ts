import t from 'tap';
import type { Node } from '../../../../src/kube/api.ts';
import type { KubeClient, ListOptions } from '../../../../src/provider/kube-client/kube-client.ts';
import { PodRangeWait } from '../../../../src/provider/node/pod-range-wait.ts';
import { CacheFake, turns } from '../desired/desired-fixture.ts';

const bornMs = Date.parse('2026-01-01T00:00:00Z');

function node(name: string, ...podCIDRs: string[]): Node {
  const metadata = { name, creationTimestamp: '2026-01-01T00:00:00Z' };
  return { metadata, spec: podCIDRs.length === 0 ? {} : { podCIDRs } };
}

/** The cluster's Nodes that stand for no site, as the API server tells them. */
type Others = (signal: AbortSignal | undefined) => Promise<Node[]>;

const these =
  (...others: Node[]): Others =>
  () =>
    Promise.resolve(others);

/** A site that connects. */
function scene(others: Others = these()): {
  nodes: CacheFake<Node>;
  looks: () => number;
  /** Moves the clock. */
  at: (ms: number) => void;
  connect: (waitMs?: number) => { isDone: () => boolean; done: Promise<void>; stop: () => void };
} {
  const nodes = new CacheFake<Node>();
  let looks = 0;
  let nowMs = bornMs;
  const sample = ((_type: unknown, { labelSelector, signal }: ListOptions) => {
    looks += 1;
    t.equal(labelSelector, '!towline.dev/site');
    return others(signal);
  }) as KubeClient['sample'];
  const options = {
    ...{ client: { sample }, nodes, log: { debug: (): undefined => undefined } },
    nowMs: () => nowMs,
  };
  let wait: PodRangeWait | undefined;
  return {
    nodes,
    looks: () => looks,
    at: (ms) => (nowMs = bornMs + ms),
    connect: (waitMs = 60_000) => {
      wait ??= new PodRangeWait({ ...options, waitMs });
      const stop = new AbortController();
      let isDone = false;
      const done = wait.settled('berlin.acme', stop.signal).then(() => {
        isDone = true;
      });
      return {
        ...{ isDone: () => isDone, done },
        stop: () => {
          stop.abort();
        },
      };
    },
  };
}

void t.test('a new Node waits for its ranges where another site has some', async (t) => {
  const { nodes, looks, connect } = scene();
  nodes.set(node('paris.acme', '10.1.0.0/24'));
  const site = connect();
  nodes.set(node('berlin.acme'));
  await turns();
  t.notOk(site.isDone(), 'neither before it is seen nor after that');
  nodes.set(node('berlin.acme', '10.1.1.0/24'));
  await site.done;
  t.equal(looks(), 0, 'nobody was asked');
});

void t.test('or another machine; that is asked once', async (t) => {
  const { nodes, looks, connect } = scene(these(node('worker', '10.1.0.0/24')));
  nodes.set(node('berlin.acme'));
  const first = connect();
  const second = connect();
  await turns();
  t.notOk(first.isDone());
  first.stop();
  await first.done;
  t.notOk(second.isDone());
  second.stop();
  await second.done;
  const asked = looks();
  const third = connect();
  await turns();
  t.equal(looks(), asked);
  third.stop();
  await third.done;
});

void t.test('nobody waits where the cluster gives no ranges', async (t) => {
  const { nodes, looks, at, connect } = scene(these(node('worker')));
  nodes.set(node('berlin.acme'));
  await connect().done;
  await connect().done;
  t.equal(looks(), 1);
  at(59_000);
  await connect().done;
  t.equal(looks(), 1, 'and is asked again only after a minute');
  nodes.set({ metadata: { name: 'berlin.acme', creationTimestamp: '2026-01-01T00:01:01Z' } });
  at(61_000);
  await connect().done;
  t.equal(looks(), 2);
});

void t.test('nor where that cannot be learned, which is no answer for others', async (t) => {
  let isBroken = true;
  const { nodes, looks, connect } = scene(() =>
    isBroken ? Promise.reject(new Error('no')) : these(node('worker', '10.1.0.0/24'))(undefined),
  );
  nodes.set(node('berlin.acme'));
  await connect().done;
  isBroken = false;
  const second = connect();
  await turns();
  t.equal(looks(), 2);
  t.notOk(second.isDone(), 'it waits, for now it is known');
  second.stop();
  await second.done;
});

void t.test('sites that come together look once, and none ends it for the others', async (t) => {
  const answered = Promise.withResolvers<Node[]>();
  const { nodes, looks, connect } = scene((signal) => {
    signal?.addEventListener('abort', () => {
      answered.reject(new Error('aborted'));
    });
    return answered.promise;
  });
  nodes.set(node('berlin.acme'));
  const first = connect();
  const second = connect();
  await turns();
  t.equal(looks(), 1);
  first.stop();
  await first.done;
  t.notOk(second.isDone());
  answered.resolve([node('worker', '10.1.0.0/24')]);
  await turns();
  t.notOk(second.isDone(), 'it waits for its ranges');
  nodes.set(node('berlin.acme', '10.1.1.0/24'));
  await second.done;
  t.equal(looks(), 1);
});

void t.test('an answer that does not come is not waited for', async (t) => {
  const never: Others = (signal) =>
    new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => {
        reject(new Error('aborted'));
      });
    });
  const { nodes, connect } = scene(never);
  nodes.set(node('berlin.acme'));
  const keepsAlive = setInterval(() => undefined, 1_000);
  const startMs = performance.now();
  await connect(30).done;
  clearInterval(keepsAlive);
  t.ok(performance.now() - startMs >= 29);
});

void t.test('nor a Node that is no longer new, or has its ranges', async (t) => {
  const { nodes, looks, at, connect } = scene(these(node('worker', '10.1.0.0/24')));
  nodes.set(node('berlin.acme', '10.1.1.0/24'));
  await connect(1_000).done;
  nodes.set(node('berlin.acme'));
  at(1_000);
  await connect(1_000).done;
  t.equal(looks(), 0);
});

void t.test('and nobody for long', async (t) => {
  const { nodes, connect } = scene(these(node('worker', '10.1.0.0/24')));
  nodes.set(node('berlin.acme'));
  const startMs = performance.now();
  await connect(30).done;
  t.ok(performance.now() - startMs >= 29);
});
