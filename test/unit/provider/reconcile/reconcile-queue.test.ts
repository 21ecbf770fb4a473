import pino from 'pino';
import t from 'tap';
import { ReconcileQueue } from '../../../../src/provider/reconcile/reconcile-queue.ts';
import {
  type Failures,
  oneMore,
  retryDelayMs,
} from '../../../../src/provider/reconcile/retry-delay.ts';

const log = pino({ level: 'silent' });

/** A queue whose reconciliations are ended by the test. */
function scene(concurrency = 4): {
  queue: ReconcileQueue;
  started: string[];
  end: (key: string, error?: Error) => void;
  stop: () => Promise<void>;
} {
  const started: string[] = [];
  const running = new Map<string, PromiseWithResolvers<undefined>>();
  const queue = new ReconcileQueue({
    name: 'test',
    log,
    concurrency,
    random: () => 0,
    reconcile: (key) => {
      started.push(key);
      const end = Promise.withResolvers<undefined>();
      running.set(key, end);
      return end.promise;
    },
  });
  const controller = new AbortController();
  const done = queue.run(controller.signal);
  return {
    queue,
    started,
    end: (key, error) => {
      if (error === undefined) running.get(key)?.resolve(undefined);
      else running.get(key)?.reject(error);
    },
    stop: async () => {
      controller.abort();
      for (const end of running.values()) end.resolve(undefined);
      await done;
    },
  };
}

async function turns(): Promise<void> {
  for (let i = 0; i < 10; i += 1) await Promise.resolve();
}

void t.test(
  'a key added while it runs is reconciled once more, not at the same time',
  async (t) => {
    const { queue, started, end, stop } = scene();
    queue.add('a');
    queue.add('a');
    queue.add('a');
    t.same(started, ['a']);
    end('a');
    await turns();
    t.same(started, ['a', 'a']);
    await stop();
  },
);

void t.test('no more keys run at once than allowed', async (t) => {
  const { queue, started, end, stop } = scene(2);
  for (const key of ['a', 'b', 'c']) queue.add(key);
  t.same(started, ['a', 'b']);
  end('b');
  await turns();
  t.same(started, ['a', 'b', 'c']);
  await stop();
});

void t.test('work that adds its own key at once does not run twice at the same time', async (t) => {
  let running = 0;
  let most = 0;
  let runs = 0;
  const queue: ReconcileQueue = new ReconcileQueue({
    name: 'test',
    log,
    concurrency: 4,
    reconcile: async (key) => {
      running += 1;
      runs += 1;
      most = Math.max(most, running);
      if (runs < 3) queue.add(key);
      await Promise.resolve();
      running -= 1;
    },
  });
  const controller = new AbortController();
  const done = queue.run(controller.signal);
  queue.add('a');
  await turns();
  t.equal(most, 1);
  t.equal(runs, 3);
  controller.abort();
  await done;
});

void t.test('settle resolves with a run that started after it, not with one before', async (t) => {
  const { queue, end, stop } = scene();
  queue.add('a');
  let settled = false;
  const settling = queue.settle('a').then(() => (settled = true));
  end('a');
  await turns();
  t.equal(settled, false);
  end('a');
  await settling;
  await stop();
});

void t.test('a failure is tried again, and settle waits for the success', async (t) => {
  const { queue, started, end, stop } = scene();
  const settling = queue.settle('a');
  end('a', new TypeError('no'));
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if (started.length === 2) resolve();
      else setTimeout(look, 5);
    };
    look();
  });
  end('a');
  await settling;
  t.same(started, ['a', 'a']);
  await stop();
});

void t.test('nothing starts after the end, and the end waits for what runs', async (t) => {
  const { queue, started, stop } = scene();
  queue.add('a');
  queue.addAfter('b', 1);
  await stop();
  queue.add('c');
  t.same(started, ['a']);
});

void t.test('back-off doubles to its limit and honours what the server asks', (t) => {
  const refused = (count: number): Failures => ({ count, unreachable: false });
  t.equal(retryDelayMs(refused(1), 0, 0), 100);
  t.ok(retryDelayMs(refused(4), 0, 0.99) > retryDelayMs(refused(1), 0, 0.99));
  t.ok(retryDelayMs(refused(60), 0, 0.99) > 20_000);
  t.ok(retryDelayMs(refused(60), 0, 0.99) <= 30_100);
  t.equal(retryDelayMs(refused(1), 5000, 0), 5000);
  t.end();
});

void t.test('a server that was away for long is found soon, and refusals count anew', (t) => {
  let failures: Failures | undefined;
  for (let n = 0; n < 60; n += 1) failures = oneMore(failures, true);
  t.same(failures, { count: 60, unreachable: true });
  t.ok(failures && retryDelayMs(failures, 0, 0.999) <= 4_100);
  t.same(oneMore(failures, false), { count: 1, unreachable: false });
  t.same(oneMore({ count: 1, unreachable: false }, false), { count: 2, unreachable: false });
  t.end();
});
