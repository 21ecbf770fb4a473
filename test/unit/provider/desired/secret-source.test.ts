import pino from 'pino';
import t from 'tap';
import { SecretSource, secretRefreshMs } from '../../../../src/provider/desired/secret-source.ts';
import {
  KubeApiError,
  type KubeApiErrorCode,
} from '../../../../src/provider/kube-client/kube-api-error.ts';
import type { KubeClient } from '../../../../src/provider/kube-client/kube-client.ts';

/** A source over a scripted API server. */
function scene(refreshMs = 60_000): {
  source: SecretSource;
  reads: () => number;
  /** What was read, as `namespace/name`. */
  names: string[];
  warnings: () => number;
  answer: (value: string) => void;
  stop: () => Promise<void>;
} {
  let reads = 0;
  let warnings = 0;
  const names: string[] = [];
  let answer: string = 'NOT_FOUND';
  const get = ((_type: unknown, ref: { namespace: string; name: string }) => {
    reads += 1;
    names.push(`${ref.namespace}/${ref.name}`);
    if (/^[A-Z_]+$/.test(answer)) {
      return Promise.reject(new KubeApiError(answer as KubeApiErrorCode, 'no'));
    }
    const metadata = { name: ref.name, namespace: 'n', uid: 'u' };
    return Promise.resolve({ metadata, data: { k: answer } });
  }) as KubeClient['get'];
  const source = new SecretSource({
    ...{ client: { get }, log: pino({ level: 'warn' }, { write: () => (warnings += 1) }) },
    refreshMs: () => refreshMs,
  });
  const controller = new AbortController();
  const running = source.run(controller.signal);
  return {
    source,
    reads: () => reads,
    ...{ names, warnings: () => warnings },
    answer: (value) => (answer = value),
    stop: () => {
      controller.abort();
      return running;
    },
  };
}

void t.test('a Secret is read when it is asked for, and tells of a change', async (t) => {
  const { source, answer, stop } = scene();
  let changes = 0;
  const hold = source.hold('n', 's', () => (changes += 1));
  t.equal(hold.known.kind, 'unknown');
  answer('first');
  await hold.refresh();
  t.equal(hold.known.kind, 'present');
  await hold.refresh();
  t.equal(changes, 1);
  answer('second');
  await hold.refresh();
  t.equal(changes, 2);
  await stop();
});

void t.test('only what is named is read, and nothing is kept of what nobody holds', async (t) => {
  const { source, names, answer, stop } = scene();
  answer('value');
  const hold = source.hold('n', 's', () => undefined);
  const second = source.hold('n', 's', () => undefined);
  await hold.refresh();
  t.same(new Set(names), new Set(['n/s']));
  hold.release();
  t.equal(source.hold('n', 's', () => undefined).known.kind, 'present', 'another holds it');
  await stop();
  const other = scene();
  other.answer('value');
  const only = other.source.hold('n', 's', () => undefined);
  await only.refresh();
  only.release();
  t.equal(other.source.hold('n', 's', () => undefined).known.kind, 'unknown');
  t.equal(second.known.kind, 'present');
  await other.stop();
});

void t.test('one that may not be read is told of once', async (t) => {
  const { source, warnings, answer, stop } = scene();
  const hold = source.hold('n', 's', () => undefined);
  answer('FORBIDDEN');
  await hold.refresh();
  await hold.refresh();
  t.equal(warnings(), 1);
  await stop();
});

void t.test('one that is missing is absent', async (t) => {
  const { source, stop } = scene();
  const hold = source.hold('n', 's', () => undefined);
  await hold.refresh();
  t.equal(hold.known.kind, 'absent');
  await stop();
});

for (const [code, known] of [
  ['NOT_FOUND', 'absent'],
  ['FORBIDDEN', 'unknown'],
] as const) {
  void t.test(`${code} is asked again soon, for a pod may wait`, async (t) => {
    const { source, answer, stop } = scene();
    const found = Promise.withResolvers<undefined>();
    const hold = source.hold('n', 's', () => {
      if (hold.known.kind === 'present') found.resolve(undefined);
    });
    answer(code);
    await hold.refresh();
    t.equal(hold.known.kind, known);
    answer('value');
    const startedAtMs = performance.now();
    await found.promise;
    t.ok(performance.now() - startedAtMs < 10_000, 'long before it would be read again anyway');
    await stop();
  });
}

void t.test('a failure holds nobody up, and takes nothing away', async (t) => {
  const { source, answer, stop } = scene();
  const hold = source.hold('n', 's', () => undefined);
  answer('UNREACHABLE');
  await hold.refresh();
  t.equal(hold.known.kind, 'unknown');
  answer('value');
  await hold.refresh();
  for (const code of ['UNREACHABLE', 'FORBIDDEN'] as const) {
    answer(code);
    await hold.refresh();
    t.equal(hold.known.kind, 'present', code);
  }
  await stop();
});

void t.test('asking several times at once reads at most twice', async (t) => {
  const { source, answer, reads, stop } = scene();
  answer('value');
  const holds = Array.from({ length: 10 }, () => source.hold('n', 's', () => undefined));
  await Promise.all(holds.map((hold) => hold.refresh()));
  t.ok(reads() <= 2);
  await stop();
});

void t.test('it is read again and again while it is held, then no more', async (t) => {
  const { source, answer, reads, stop } = scene(1);
  answer('first');
  const changed = Promise.withResolvers<undefined>();
  const hold = source.hold('n', 's', () => {
    if (hold.known.kind === 'present' && reads() > 1) changed.resolve(undefined);
  });
  await hold.refresh();
  answer('second');
  await changed.promise;
  hold.release();
  const before = reads();
  const other = source.hold('n', 'other', () => undefined);
  await other.refresh();
  await other.refresh();
  t.ok(reads() <= before + 3);
  await stop();
});

void t.test('who lets go while waiting is not left waiting', async (t) => {
  const { source, stop } = scene();
  const hold = source.hold('n', 's', () => undefined);
  const waiting = hold.refresh();
  hold.release();
  await t.resolves(waiting);
  await stop();
});

void t.test(
  'few are read again within seconds, many by turns, none later than in a minute',
  (t) => {
    t.same(
      [1, 50, 51, 300, 600, 100_000].map(secretRefreshMs),
      [5_000, 5_000, 5_100, 30_000, 60_000, 60_000],
    );
    t.end();
  },
);
