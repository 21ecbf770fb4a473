import { getEventListeners } from 'node:events';
import t from 'tap';
import { Slots } from '../../../../src/edge-runner/pod/slots.ts';

void t.test('tasks run so many at a time, in the order they came', async (t) => {
  const slots = new Slots(2);
  const { signal } = new AbortController();
  const begun: number[] = [];
  const gates = Array.from({ length: 4 }, () => Promise.withResolvers<undefined>());
  const tasks = gates.map(({ promise }, index) =>
    slots.run(signal, () => {
      begun.push(index);
      return promise;
    }),
  );
  await new Promise(setImmediate);
  t.same(begun, [0, 1]);
  gates[1]?.resolve(undefined);
  await tasks[1];
  await new Promise(setImmediate);
  t.same(begun, [0, 1, 2]);
  for (const gate of gates) gate.resolve(undefined);
  await Promise.all(tasks);
  t.same(begun, [0, 1, 2, 3]);
});

void t.test('a task can give up its turn, and a failed one passes it on', async (t) => {
  const slots = new Slots(1);
  const stop = new AbortController();
  const gate = Promise.withResolvers<undefined>();
  const { signal } = new AbortController();
  const first = slots.run(signal, () => gate.promise);
  const second = slots.run(stop.signal, () => Promise.resolve('never'));
  const third = slots.run(signal, () => Promise.resolve('third'));
  stop.abort();
  await t.rejects(second, { name: 'AbortError' });
  gate.reject(new Error('failed'));
  await t.rejects(first, { message: 'failed' });
  t.equal(await third, 'third');
  t.equal(getEventListeners(signal, 'abort').length, 0);
});
