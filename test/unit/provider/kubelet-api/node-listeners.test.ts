import type { Socket } from 'node:net';
import t, { type Test } from 'tap';
import { maxConnectionsPerNode } from '../../../../src/provider/kubelet-api/limits.ts';
import { NodeListeners } from '../../../../src/provider/kubelet-api/node-listeners.ts';
import { Strangers } from '../../../../src/provider/strangers/strangers.ts';
import { closed, openStranger as open } from '../strangers/open-stranger.ts';

const clock = { now: (): number => 0 };

/** Listeners that take so many strangers; what is accepted is welcome at once where `known`. */
function start(t: Test, options: { max: number; known: boolean }): NodeListeners {
  const listeners = new NodeListeners({
    ...{ host: '127.0.0.1', clock, onDropped: () => undefined },
    strangers: new Strangers({ max: options.max, clock }),
    accept: (socket) => {
      socket.on('error', () => undefined);
      if (options.known) listeners.welcome(socket);
    },
  });
  t.teardown(() => listeners.close());
  return listeners;
}

void t.test('a node takes so many connections and no more', async (t) => {
  const listeners = start(t, { max: 10, known: true });
  const port = await listeners.listen('berlin.shop', 0);
  const known: Socket[] = [];
  for (let n = 0; n < maxConnectionsPerNode; n += 1) known.push(await open(t, port));
  t.ok(await closed(await open(t, port)), 'it is closed again at once');
  t.notOk(
    known.some(({ destroyed }) => destroyed),
    'and the others stay',
  );
});

void t.test('strangers at all nodes together are bounded', async (t) => {
  const listeners = start(t, { max: 4, known: false });
  const one = await listeners.listen('berlin.shop', 0);
  const other = await listeners.listen('paris.shop', 0);
  const flood = [
    await open(t, one),
    await open(t, one),
    await open(t, other),
    await open(t, other),
  ];
  t.ok(await closed(await open(t, one)), 'of who has most of them none more');
  t.equal(flood.filter(({ destroyed }) => destroyed).length, 0);
  const few = await open(t, other, '127.0.0.2');
  t.ok(await closed(flood[3] ?? few), 'and one less when another comes');
  t.notOk(few.destroyed);
});

void t.test('who is known at one node is counted at none', async (t) => {
  const listeners = start(t, { max: 2, known: true });
  const one = await listeners.listen('berlin.shop', 0);
  const other = await listeners.listen('paris.shop', 0);
  const sockets: Socket[] = [];
  for (let n = 0; n < 4; n += 1) sockets.push(await open(t, one), await open(t, other));
  await listeners.unlisten('berlin.shop');
  await Promise.all(sockets.filter((_, n) => n % 2 === 0).map(closed));
  t.pass('those of a node that goes are closed');
  t.equal(sockets.filter(({ destroyed }) => !destroyed).length, 4, 'and no others');
});
