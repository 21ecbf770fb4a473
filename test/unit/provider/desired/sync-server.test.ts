import pino from 'pino';
import t from 'tap';
import { digestOf } from '../../../../src/protocol/digest.ts';
import type { ProtocolErrorCode } from '../../../../src/protocol/errors.ts';
import { maxEndingPods, maxNameLength } from '../../../../src/protocol/limits.ts';
import type { DesiredObject, SyncFromProvider } from '../../../../src/protocol/sync.ts';
import { PastVersions } from '../../../../src/provider/desired/past-versions.ts';
import { objectKey, type WantedObjects } from '../../../../src/provider/desired/plan-delta.ts';
import { SyncServer } from '../../../../src/provider/desired/sync-server.ts';
import { endingBurst } from '../../../../src/provider/limits.ts';
import { omit } from '../../../../src/provider/omit.ts';
import { turns } from './desired-fixture.ts';

const log = pino({ level: 'silent' });

function object(name: string, version = '1'): DesiredObject {
  const identity = { kind: 'Pod' as const, namespace: 'n', name, uid: `${name}-uid` };
  return { ...identity, version, object: { metadata: { name } } };
}

/** A sync server, what it wants its site to have, and the site's end of the stream. */
class Scene {
  readonly sent: SyncFromProvider[] = [];
  readonly oversized: string[] = [];
  /** How often it was looked up what the site is to hold. */
  looks = 0;
  /** What the site was understood to hold, each time. */
  readonly held: string[][] = [];
  /** Which pods it was understood to end, each time. */
  readonly ending: (readonly string[] | undefined)[] = [];
  readonly ready = Promise.withResolvers<undefined>();
  readonly server: SyncServer;
  readonly running: Promise<void>;
  #wanted = new Map<string, DesiredObject>();
  readonly #inbox: unknown[] = [];
  #reader: ((message: unknown) => void) | undefined;

  constructor(options: { ready?: boolean; past?: PastVersions } = {}) {
    if (options.ready !== false) this.ready.resolve(undefined);
    this.server = new SyncServer({
      stream: {
        send: (message) => {
          this.sent.push(message);
          return Promise.resolve();
        },
        read: () =>
          new Promise((resolve) => {
            if (this.#inbox.length > 0) resolve(this.#inbox.shift());
            else this.#reader = resolve;
          }),
      },
      wanted: {
        ready: this.ready.promise,
        wanted: (): WantedObjects => {
          this.looks += 1;
          const [ends, unknown, kinds] = [new Map(), new Set<string>(), new Set(['Pod'])];
          return { objects: this.#wanted, ends, unknown, kinds };
        },
      },
      onOversized: ({ name }) => this.oversized.push(name),
      onHeld: (held, ending) => {
        this.held.push([...held.keys()]);
        this.ending.push(ending);
      },
      ...{ log, past: options.past },
      limits: { maxMessageBytes: 2048, maxDeltaBytes: 65_536 },
    });
    this.running = this.server.run();
    this.running.catch(() => undefined);
  }

  want(...objects: DesiredObject[]): void {
    this.#wanted = new Map(objects.map((o) => [objectKey(o), o]));
    this.server.changed();
  }

  async say(message: unknown): Promise<void> {
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader === undefined) this.#inbox.push(message);
    else reader(message);
    await turns();
  }

  /** Digest of the last delta. */
  get digest(): string {
    const last = this.sent.findLast((message) => message.type === 'delta');
    return last?.type === 'delta' ? last.digest : '';
  }

  puts(): string[][] {
    return this.sent.flatMap((m) => (m.type === 'delta' ? [m.put.map(({ name }) => name)] : []));
  }

  async fails(): Promise<ProtocolErrorCode | undefined> {
    return this.running.then(
      () => undefined,
      (error: unknown) => (error as { code: ProtocolErrorCode }).code,
    );
  }
}

void t.test('a site that has everything is told so, and hears of the next change', async (t) => {
  const scene = new Scene();
  scene.want(object('a'));
  await scene.say({ type: 'state', digest: digestOf([object('a')]) });
  t.same(scene.sent, [{ type: 'in-sync', ending: true }]);
  scene.want(object('a'), object('b'));
  await turns();
  t.same(scene.puts(), [['b']]);
});

void t.test('a site that differs is asked for its list and gets the difference', async (t) => {
  const scene = new Scene();
  scene.want(object('a'), object('b', '2'));
  await scene.say({ type: 'state', digest: 'other' });
  t.same(scene.sent, [{ type: 'list', ending: true }]);
  const held = omit(object('b'), 'object');
  await scene.say({ type: 'held', objects: [held] });
  t.same(scene.puts(), [['a', 'b']]);
  t.equal(scene.digest, digestOf([object('a'), object('b', '2')]));
});

void t.test('what the site holds is known once it has said so', async (t) => {
  const scene = new Scene();
  scene.want(object('a'));
  await scene.say({ type: 'state', digest: digestOf([object('a')]) });
  t.same(scene.held, [['Pod/n/a']]);
  scene.want();
  await turns();
  t.same(scene.held, [['Pod/n/a']], 'not when it is sent');
  await scene.say({ type: 'ack', digest: scene.digest });
  t.same(scene.held, [['Pod/n/a'], []]);
});

void t.test('which pods still end there is known whenever the site says so', async (t) => {
  const scene = new Scene();
  scene.want(object('a'));
  await scene.say({ type: 'state', digest: digestOf([object('a')]), ending: ['x'] });
  await scene.say({ type: 'ending', pods: [] });
  scene.want();
  await turns();
  await scene.say({ type: 'ending', pods: ['y'] });
  t.same(scene.held, [['Pod/n/a'], ['Pod/n/a'], ['Pod/n/a']], 'it holds what it has acknowledged');
  await scene.say({ type: 'ack', digest: scene.digest, ending: ['a', 'y'] });
  await scene.say({ type: 'ending', pods: [] });
  t.same(scene.ending, [['x'], [], ['y'], ['a', 'y'], []]);
  t.same(scene.held.slice(3), [[], []]);
  scene.want(object('b'));
  await turns();
  await scene.say({ type: 'ack', digest: scene.digest });
  t.equal(scene.ending.at(-1), undefined, 'a runner may not say it');
});

void t.test(
  'what a site says of pods that end costs no look at what it is to hold, and has a rate',
  async (t) => {
    const scene = new Scene();
    scene.want(object('a'));
    await scene.say({ type: 'state', digest: digestOf([object('a')]), ending: [] });
    const looks = scene.looks;
    for (let n = 0; n < endingBurst; n += 1) await scene.say({ type: 'ending', pods: [] });
    t.equal(scene.ending.length, 1 + endingBurst);
    t.equal(scene.looks, looks);
    for (let n = 0; n < endingBurst; n += 1) await scene.say({ type: 'ending', pods: [] });
    await t.rejects(scene.running, { code: 'INVALID_MESSAGE' });
  },
);

void t.test('a site names only so many pods that end, by their uids', async (t) => {
  const pods = Array.from({ length: maxEndingPods }, (_, n) => `uid-${n}`);
  const first = { type: 'state', digest: digestOf([]) };
  const good = new Scene();
  await good.say({ ...first, ending: pods });
  t.same(good.ending, [pods]);
  for (const ending of [[...pods, 'one-more'], ['x'.repeat(maxNameLength + 1)]]) {
    const scene = new Scene();
    await scene.say({ ...first, ending });
    await t.rejects(scene.running, { code: 'INVALID_MESSAGE' });
  }
});

void t.test('of a large ConfigMap that changes the change goes out, not the whole', async (t) => {
  const scene = new Scene({ past: new PastVersions() });
  const text = Array.from({ length: 500 }, (_, n) => `line ${n}`).join('\n');
  const map = (version: string): DesiredObject => ({
    ...{ kind: 'ConfigMap', namespace: 'n', name: 'c', uid: 'c-uid', version },
    object: { metadata: { name: 'c' }, data: { text, version } },
  });
  scene.want(map('1'));
  await scene.say({ type: 'state', digest: digestOf([map('1')]) });
  scene.want(map('2'));
  await turns();
  const delta = scene.sent.find((message) => message.type === 'delta');
  t.match(delta, { put: [], patch: [{ name: 'c', from: '1', version: '2' }] });
  t.ok(JSON.stringify(delta).length < 1_000, 'of 5,000 bytes');
});

void t.test('the answer to a list is a delta also when there is nothing to do', async (t) => {
  const scene = new Scene();
  await scene.say({ type: 'state', digest: 'other' });
  await scene.say({ type: 'held', objects: [] });
  t.same(scene.puts(), [[]]);
});

void t.test('nothing is said before everything was looked up', async (t) => {
  const scene = new Scene({ ready: false });
  await scene.say({ type: 'state', digest: digestOf([]) });
  t.same(scene.sent, []);
  scene.want(object('a'));
  scene.ready.resolve(undefined);
  await turns();
  t.same(scene.sent, [{ type: 'list', ending: true }]);
});

void t.test('changes gather while a delta is on its way, and then go together', async (t) => {
  const scene = new Scene();
  await scene.say({ type: 'state', digest: digestOf([]) });
  scene.want(object('a'));
  await turns();
  scene.want(object('a'), object('b'));
  scene.want(object('a'), object('b'), object('c'));
  await turns();
  t.same(scene.puts(), [['a']]);
  await scene.say({ type: 'ack', digest: scene.digest });
  t.same(scene.puts(), [['a'], ['b', 'c']]);
});

void t.test('a change that comes to nothing sends nothing', async (t) => {
  const scene = new Scene();
  await scene.say({ type: 'state', digest: digestOf([]) });
  scene.want();
  await turns();
  t.same(scene.sent, [{ type: 'in-sync', ending: true }]);
});

void t.test('an object too large is told of once', async (t) => {
  const scene = new Scene();
  await scene.say({ type: 'state', digest: digestOf([]) });
  const big = { ...object('big'), object: { metadata: { name: 'big' }, x: 'x'.repeat(3000) } };
  scene.want(big);
  await turns();
  scene.want(big, object('a'));
  await turns();
  t.same(scene.oversized, ['big']);
  t.same(scene.puts(), [['a']]);
});

void t.test('the end of the stream ends the exchange', async (t) => {
  const scene = new Scene();
  await scene.say({ type: 'state', digest: digestOf([]) });
  await scene.say(undefined);
  t.equal(await scene.fails(), undefined);
});

void t.test('what breaks the protocol ends the stream', async (t) => {
  const cases: Record<string, unknown[]> = {
    'an acknowledgement first': [{ type: 'ack', digest: '' }],
    'what still ends first': [{ type: 'ending', pods: [] }],
    'no message at all': [{ type: 'hello' }],
    'an acknowledgement of nothing': [
      { type: 'state', digest: digestOf([]) },
      { type: 'ack', digest: '' },
    ],
    'another digest than was sent': [
      { type: 'state', digest: 'x' },
      { type: 'held', objects: [] },
      { type: 'ack', digest: 'other' },
    ],
  };
  for (const [what, messages] of Object.entries(cases)) {
    const scene = new Scene();
    for (const message of messages) await scene.say(message);
    t.equal(await scene.fails(), 'INVALID_MESSAGE', what);
  }
});
