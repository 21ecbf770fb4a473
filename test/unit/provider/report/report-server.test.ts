import pino from 'pino';
import t from 'tap';
import { objectVersion } from '../../../../src/protocol/digest.ts';
import type { NodeReport, PodReport, ReportFromProvider } from '../../../../src/protocol/report.ts';
import {
  type ReportSink,
  ReportServer,
  type TokenAnswer,
} from '../../../../src/provider/report/report-server.ts';
import { turns } from '../desired/desired-fixture.ts';

/** A report server whose cluster answers when the test says so. */
class Scene {
  readonly sent: ReportFromProvider[] = [];
  readonly taken: string[] = [];
  readonly pending = new Map<string, PromiseWithResolvers<undefined>>();
  readonly admission = Promise.withResolvers<boolean>();
  token: TokenAnswer = { ok: false, message: 'no', retryable: false };
  readonly running: Promise<void>;
  readonly #inbox: unknown[] = [];
  #reader: ((message: unknown) => void) | undefined;

  constructor(options: { known?: NodeReport; admitted?: boolean; staticPodsDigest?: string } = {}) {
    if (options.admitted !== false) this.admission.resolve(true);
    const sink: ReportSink = {
      known: () => options.known,
      node: () => this.#take('node'),
      staticPodsDigest: () => options.staticPodsDigest,
      staticPods: (pods) => {
        this.taken.push(`static pods: ${pods.length}`);
        return Promise.resolve();
      },
      admitted: (signal) => {
        signal.addEventListener('abort', () => {
          this.admission.resolve(false);
        });
        return this.admission.promise;
      },
      pod: ({ name }) => this.#take(name),
      event: ({ id }) => this.#take(id),
      token: () => Promise.resolve(this.token),
    };
    const server = new ReportServer({
      sink,
      log: pino({ level: 'silent' }),
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
    });
    this.running = server.run();
    this.running.catch(() => undefined);
  }

  async say(message: unknown): Promise<void> {
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader === undefined) this.#inbox.push(message);
    else reader(message);
    await turns();
  }

  async done(what: string): Promise<void> {
    this.pending.get(what)?.resolve(undefined);
    await turns();
  }

  acks(): number[] {
    return this.sent.flatMap((message) => (message.type === 'ack' ? [message.id] : []));
  }

  #take(what: string): Promise<void> {
    this.taken.push(what);
    const end = Promise.withResolvers<undefined>();
    this.pending.set(what, end);
    return end.promise;
  }
}

function pod(name: string): PodReport {
  return { namespace: 'n', name, uid: 'u', gone: false, status: {} };
}

function event(id: string): object {
  const times = { count: 1, firstTimestamp: '', lastTimestamp: '' };
  const what = { type: 'Normal', reason: 'R', message: 'm' };
  return { id, pod: { namespace: 'n', name: 'a', uid: 'u' }, ...what, ...times };
}

void t.test('the first word says what is wanted', async (t) => {
  const fresh = new Scene();
  const node = { hostname: 'device' } as unknown as NodeReport;
  const known = new Scene({ known: node, staticPodsDigest: 'digest' });
  await turns();
  t.same(fresh.sent, [{ type: 'begin', full: true, staticPods: 'unknown' }]);
  const version = objectVersion(node);
  t.same(known.sent, [{ type: 'begin', full: false, node: version, staticPods: 'digest' }]);
});

void t.test('a message is acknowledged once the cluster has all of it', async (t) => {
  const scene = new Scene();
  await turns();
  await scene.say({ type: 'pods', id: 1, pods: [pod('a'), pod('b')] });
  await scene.say({ type: 'pods', id: 2, pods: [pod('c')] });
  t.same(scene.taken, ['a', 'b', 'c']);
  await scene.done('a');
  t.same(scene.acks(), []);
  await scene.done('c');
  await scene.done('b');
  t.same(scene.acks(), [2, 1]);
});

void t.test('pods wait until the site has its node', async (t) => {
  const scene = new Scene({ admitted: false });
  await turns();
  await scene.say({ type: 'pods', id: 1, pods: [pod('a')] });
  t.same(scene.taken, []);
  scene.admission.resolve(true);
  await turns();
  t.same(scene.taken, ['a']);
});

void t.test('events are written one after the other', async (t) => {
  const scene = new Scene();
  await turns();
  await scene.say({ type: 'events', id: 1, events: [event('1'), event('2')] });
  await scene.say({ type: 'events', id: 2, events: [event('3')] });
  t.same(scene.taken, ['1']);
  for (const id of ['1', '2', '3']) await scene.done(id);
  t.same(scene.taken, ['1', '2', '3']);
  t.same(scene.acks(), [1, 2]);
});

void t.test('a token comes, or a refusal with its reason', async (t) => {
  const scene = new Scene();
  await turns();
  const wish = {
    ...{ type: 'token-request', pod: { namespace: 'n', name: 'a', uid: 'u' } },
    ...{ serviceAccount: 's', audiences: [], expirationSeconds: 3600 },
  };
  await scene.say({ ...wish, id: 1 });
  scene.token = { ok: true, token: 'T', expirationTimestamp: 'E' };
  await scene.say({ ...wish, id: 2 });
  t.same(scene.sent.slice(1), [
    { type: 'refused', id: 1, message: 'no', retryable: false },
    { type: 'token', id: 2, token: 'T', expirationTimestamp: 'E' },
  ]);
});

void t.test('what the cluster cannot take ends the stream, so that it is sent again', async (t) => {
  const scene = new Scene();
  await turns();
  await scene.say({ type: 'pods', id: 1, pods: [pod('a')] });
  scene.pending.get('a')?.reject(new TypeError('broken'));
  await t.rejects(scene.running, { message: 'broken' });
});

void t.test('no more is read while too much is being worked on', async (t) => {
  const scene = new Scene();
  await turns();
  for (let id = 1; id <= 40; id += 1) {
    await scene.say({ type: 'pods', id, pods: [pod(`p${id}`)] });
  }
  t.equal(scene.taken.length, 32);
  await scene.done('p1');
  t.equal(scene.taken.length, 33);
});

void t.test('a message of no known form ends the stream', async (t) => {
  const scene = new Scene();
  await turns();
  await scene.say({ type: 'pods', id: 'x' });
  await t.rejects(scene.running, { code: 'INVALID_MESSAGE' });
});

void t.test('a message that waited longer than its stream is not acted upon', async (t) => {
  const scene = new Scene({ admitted: false });
  await turns();
  await scene.say({ type: 'pods', id: 1, pods: [pod('a')] });
  await scene.say(undefined);
  await scene.running;
  await turns();
  t.equal(await scene.admission.promise, false, 'and is not waited with for ever');
  t.same(scene.taken, []);
});
