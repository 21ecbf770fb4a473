import t from 'tap';
import type { Node } from '../../../../src/kube/api.ts';
import type { KubeClient } from '../../../../src/provider/kube-client/kube-client.ts';
import { PodRangeWait } from '../../../../src/provider/node/pod-range-wait.ts';
import { CacheFake, turns } from '../desired/desired-fixture.ts';

const bornMs = Date.parse('2026-01-01T00:00:00Z');

function node(name: string, ...podCIDRs: string[]): Node {
  const metadata = { name, creationTimestamp: '2026-01-01T00:00:00Z' };
  return { metadata, spec: podCIDRs.length === 0 ? {} : { podCIDRs } };
}

/** A site that connects; `others`: the cluster's Nodes that stand for no site. */
function scene(others: Node[] | Error = []): {
  nodes: CacheFake<Node>;
  looks: () => number;
  /** Moves the clock. */
  at: (ms: number) => void;
  connect: (waitMs?: number) => { isDone: () => boolean; done: Promise<void>; stop: () => void };
} {
  const nodes = new CacheFake<Node>();
  let looks = 0;
  let nowMs = bornMs;
  const sample = ((_type: unknown, { labelSelector }: { labelSelector: string }) => {
    looks += 1;
    t.equal(labelSelector, '!towline.dev/site');
    return others instanceof Error ? Promise.reject(others) : Promise.resolve(others);
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
  const { nodes, looks, connect } = scene([node('worker', '10.1.0.0/24')]);
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
  const { nodes, looks, at, connect } = scene([node('worker')]);
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

void t.test('nor where that cannot be learned', async () => {
  const { nodes, connect } = scene(new Error('no'));
  nodes.set(node('berlin.acme'));
  await connect().done;
});

void t.test('nor a Node that is no longer new, or has its ranges', async (t) => {
  const { nodes, looks, at, connect } = scene([node('worker', '10.1.0.0/24')]);
  nodes.set(node('berlin.acme', '10.1.1.0/24'));
  await connect(1_000).done;
  nodes.set(node('berlin.acme'));
  at(1_000);
  await connect(1_000).done;
  t.equal(looks(), 0);
});

void t.test('and nobody for long', async (t) => {
  const { nodes, connect } = scene([node('worker', '10.1.0.0/24')]);
  nodes.set(node('berlin.acme'));
  const startMs = performance.now();
  await connect(30).done;
  t.ok(performance.now() - startMs >= 29);
});
