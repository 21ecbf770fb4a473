import { getEventListeners } from 'node:events';
import t from 'tap';
import { WakeUp } from '../../../../src/edge-runner/pod/wake-up.ts';

const { signal } = new AbortController();

void t.test('a wake-up that comes while nobody waits is not lost', async (t) => {
  const wakeUp = new WakeUp();
  wakeUp.wake();
  await wakeUp.wait(undefined, signal);
  let woken = false;
  const next = wakeUp.wait(undefined, signal).then(() => (woken = true));
  await new Promise(setImmediate);
  t.equal(woken, false, 'it counts once');
  wakeUp.wake();
  await next;
});

void t.test('a delay ends the wait, none means never, 0 at once', async (t) => {
  const wakeUp = new WakeUp();
  await wakeUp.wait(0, signal);
  await wakeUp.wait(1, signal);
  t.pass();
});

void t.test('an aborted signal ends the wait, and no listener stays behind', async (t) => {
  const wakeUp = new WakeUp();
  const stop = new AbortController();
  for (let n = 0; n < 20; n += 1) {
    const waiting = wakeUp.wait(undefined, stop.signal);
    wakeUp.wake();
    await waiting;
  }
  t.equal(getEventListeners(stop.signal, 'abort').length, 0);
  const waiting = wakeUp.wait(undefined, stop.signal);
  stop.abort();
  await waiting;
  await wakeUp.wait(undefined, stop.signal);
});

void t.test('a wake-up that comes together with an abort is left for who waits next', async () => {
  const wakeUp = new WakeUp();
  const stop = new AbortController();
  const waiting = wakeUp.wait(undefined, stop.signal);
  stop.abort();
  wakeUp.wake();
  await waiting;
  await wakeUp.wait(undefined, signal);
});
