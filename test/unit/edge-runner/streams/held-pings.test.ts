import t from 'tap';
import { HeldPings, isPing } from '../../../../src/edge-runner/streams/held-pings.ts';

void t.test('only a whole ping is one', (t) => {
  const hex = (text: string): Buffer => Buffer.from(text, 'hex');
  t.ok(isPing(hex('800300060000000400000001')));
  t.ok(isPing(hex('898001020304')));
  t.ok(isPing(hex('89820102030405ff')));
  for (const other of [
    '',
    '89',
    '8003000600000004000000',
    '800300040000000400000001',
    '80030006000000040000000100',
    '8980010203',
    '89800102030405',
    '8902aabb0000',
    '828001020304',
  ]) {
    t.notOk(isPing(hex(other)), other);
  }
  t.end();
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

void t.test('pings go in order, before what follows', (t) => {
  const sent: number[] = [];
  const pings = new HeldPings((ping) => sent.push(ping[0] ?? 0));
  pings.readingStopped();
  t.ok(pings.hold(Buffer.of(2)));
  t.ok(pings.hold(Buffer.of(3)));
  pings.release();
  t.same(sent, [2, 3]);
  t.ok(pings.hold(Buffer.of(4)));
  pings.drop();
  pings.release();
  t.same(sent, [2, 3]);
  t.end();
});

void t.test('where all is quiet, a ping goes once the kernel was asked for more', async (t) => {
  const sent: number[] = [];
  const pings = new HeldPings((ping) => sent.push(ping[0] ?? 0), { now: () => 1_000 });
  t.ok(pings.hold(Buffer.of(1)));
  t.same(sent, []);
  await turn();
  await turn();
  await turn();
  t.same(sent, [1]);
  t.ok(pings.hold(Buffer.of(2)));
  pings.reading();
  await turn();
  await turn();
  await turn();
  t.same(sent, [1], 'there was more');
  pings.drop();
});
