import { EventEmitter } from 'node:events';
import t, { type Test } from 'tap';
import { strangerPatienceMs } from '../../../../src/provider/strangers/limits.ts';
import { type Connection, Strangers } from '../../../../src/provider/strangers/strangers.ts';

class Fake extends EventEmitter implements Connection {
  static #ports = 1024;
  readonly remoteAddress: string | undefined;
  readonly remotePort = (Fake.#ports += 1);
  readonly localAddress = '198.51.100.1';
  readonly localPort = 8443;
  destroyed = false;

  constructor(remoteAddress: string | undefined) {
    super();
    this.remoteAddress = remoteAddress;
  }

  resetAndDestroy(): void {
    this.destroyed = true;
    setImmediate(() => this.emit('close'));
  }
}

interface Scene {
  strangers: Strangers;
  clock: { nowMs: number };
  dropped: { count: number };
  /** One connection of each address, in turn. */
  come: (...addresses: string[]) => Fake[];
}

function scene(t: Test, max: number): Scene {
  const clock = { nowMs: 1_000_000 };
  const dropped = { count: 0 };
  const strangers = new Strangers({
    ...{ max, clock: { now: () => clock.nowMs } },
    onDropped: () => (dropped.count += 1),
  });
  const come = (...addresses: string[]): Fake[] =>
    addresses.map((address) => {
      const connection = new Fake(address);
      t.equal(strangers.take(connection), !connection.destroyed);
      return connection;
    });
  return { strangers, clock, dropped, come };
}

const many = (count: number, address: (n: number) => string): string[] =>
  Array.from({ length: count }, (_, n) => address(n));
const alive = (connections: Fake[]): number =>
  connections.filter(({ destroyed }) => !destroyed).length;

void t.test('one address may have them all while nobody else wants one', (t) => {
  const { strangers, dropped, come } = scene(t, 10);
  const sites = come(...many(10, () => '192.0.2.1'));
  t.equal(alive(sites), 10);
  t.equal(strangers.count, 10);
  t.equal(dropped.count, 0);
  t.end();
});

void t.test('who has many makes room for who has few, however young they are', (t) => {
  const { strangers, dropped, come } = scene(t, 10);
  const flood = come(...many(10, () => '192.0.2.66'));
  const sites = come(...many(5, (n) => `192.0.2.${n + 1}`));
  t.equal(alive(sites), 5);
  t.equal(alive(flood), 5);
  t.equal(alive(come(...many(100, () => '192.0.2.66'))), 0, 'and gets nothing more by trying');
  t.equal(alive(sites), 5);
  t.equal(strangers.count, 10);
  t.equal(dropped.count, 105);
  t.end();
});

void t.test('a whole network of IPv6 counts as one', (t) => {
  const { come } = scene(t, 10);
  const flood = come(...many(10, (n) => `2001:db8:0:1::${n + 1}`));
  const [site] = come('2001:db8:0:2::1');
  t.notOk(site?.destroyed);
  t.equal(alive(flood), 9);
  t.end();
});

void t.test('in a rush from one address those that are there finish first', (t) => {
  const { strangers, clock, come } = scene(t, 10);
  const first = come(...many(10, () => '192.0.2.1'));
  clock.nowMs += strangerPatienceMs - 1;
  t.equal(alive(come('192.0.2.1', '192.0.2.1')), 0, 'further ones come again later');
  t.equal(alive(first), 10);
  for (const connection of first) strangers.welcome(connection);
  t.equal(strangers.count, 0);
  t.equal(alive(come(...many(10, () => '192.0.2.1'))), 10);
  t.equal(alive(first), 10, 'known ones count no more');
  t.end();
});

void t.test('who stays without a word makes room in the end, the oldest first', (t) => {
  const { clock, come } = scene(t, 10);
  const flood = come(...many(10, () => '192.0.2.1'));
  clock.nowMs += strangerPatienceMs;
  t.equal(alive(come('192.0.2.1', '192.0.2.1')), 2, 'behind the same address too');
  t.same(
    flood.map(({ destroyed }) => destroyed),
    [true, true, ...many(8, () => '').map(() => false)],
  );
  t.end();
});

void t.test('of many addresses with one each the oldest goes when it is due', (t) => {
  const { clock, come } = scene(t, 10);
  const flood = come(...many(10, (n) => `192.0.2.${n + 1}`));
  t.equal(alive(come('203.0.113.1')), 0);
  clock.nowMs += strangerPatienceMs;
  t.equal(alive(come('203.0.113.1')), 1);
  t.ok(flood[0]?.destroyed);
  t.equal(alive(flood), 9);
  t.end();
});

void t.test('a connection that ended counts no more, and frees nothing twice', async (t) => {
  const { strangers, come } = scene(t, 10);
  const [one, two] = come('192.0.2.1', '192.0.2.1');
  one?.emit('close');
  t.equal(strangers.count, 1);
  if (two !== undefined) strangers.welcome(two);
  two?.emit('close');
  t.equal(strangers.count, 0);

  const [old] = come('192.0.2.1');
  const again = Object.assign(new Fake('192.0.2.1'), { remotePort: old?.remotePort });
  strangers.take(again);
  old?.emit('close');
  t.equal(strangers.count, 1, 'its numbers may be in use again');
  t.notOk(strangers.take(new Fake(undefined)), 'who is gone already is not counted');
  t.equal(strangers.count, 1);
  await new Promise(setImmediate);
});
