import { EventEmitter, once } from 'node:events';
import { text } from 'node:stream/consumers';
import { mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { CriError, type CriErrorCode } from '../../../../src/edge-runner/cri/cri-error.ts';
import type { CriClient } from '../../../../src/edge-runner/cri/cri-client.ts';
import type { PodManager } from '../../../../src/edge-runner/pod/pod-manager.ts';
import type { NodeEndpoints } from '../../../../src/edge-runner/stats/node-endpoints.ts';
import {
  maxCheckpoints,
  maxFailureBytes,
  maxRuns,
} from '../../../../src/edge-runner/streams/limits.ts';
import { StreamServer } from '../../../../src/edge-runner/streams/stream-server.ts';
import { FrameReader, writeFrame } from '../../../../src/tunnel/json-frame.ts';
import { Session } from '../../../../src/tunnel/session.ts';
import type { TunnelStream } from '../../../../src/tunnel/stream.ts';
import { memoryPair } from '../../tunnel/memory-carrier.ts';

type Cri = Pick<CriClient, 'execSync' | 'checkpointContainer'>;

const where = { namespace: 'shop', pod: 'web', container: 'app' };

/** A runner with one running container, and the provider's end of its tunnel. */
class Bench {
  readonly dir: string;
  readonly #provider: Session;

  constructor(t: Test, cri: Partial<Cri>) {
    this.dir = join(t.testdir({}), 'checkpoints');
    const app = { id: 'c1', name: 'app', state: 'running' };
    const pods = {
      find: (_namespace: string, name: string) =>
        name === 'web' ? { observed: { containers: [app], sandboxes: [] } } : undefined,
    };
    const server = new StreamServer({
      ...{ pods: pods as unknown as PodManager, cri: cri as CriClient },
      ...{ endpoints: undefined as unknown as NodeEndpoints, hostLogRoot: '' },
      ...{ onCertificate: () => Promise.resolve(), onLeave: () => Promise.resolve() },
      ...{ checkpointDir: this.dir, log: pino({ level: 'silent' }) },
    });
    const [near, far] = memoryPair();
    const runner = new Session(near, {
      role: 'client',
      onStream: (stream) => {
        server.accept(stream);
      },
    });
    this.#provider = new Session(far, { role: 'server', onStream: () => undefined });
    t.teardown(() => {
      runner.close();
      this.#provider.close();
    });
  }

  async open(head: object): Promise<TunnelStream> {
    const stream = this.#provider.open('bulk');
    stream.on('error', () => undefined);
    await writeFrame(stream, head);
    return stream;
  }

  /** The reply, and what follows. */
  async ask(head: object): Promise<[reply: unknown, body: string]> {
    const stream = await this.open(head);
    const reader = new FrameReader(stream, 65_536);
    const reply = await reader.read();
    reader.release();
    return [reply, await text(stream)];
  }
}

function fails(code: CriErrorCode, detail: string): () => Promise<never> {
  const call = { method: 'M', detail, socketPath: '/s', answered: true };
  return () => Promise.reject(new CriError(code, call));
}

function ends(exitCode: number, stdout: string, stderr = ''): Cri['execSync'] {
  return (request) => {
    t.match(request, { containerId: 'c1', cmd: ['ls', '-l'], timeout: 0 });
    return Promise.resolve({ exitCode, stdout: Buffer.from(stdout), stderr: Buffer.from(stderr) });
  };
}

const ls = { type: 'run', ...where, command: ['ls', '-l'] };

void t.test('a command’s output is the answer, its failure a refusal', async (t) => {
  const good = new Bench(t, { execSync: ends(0, 'out', 'err') });
  t.same(await good.ask(ls), [{ ok: true }, 'outerr']);
  const bad = new Bench(t, { execSync: ends(2, 'out', 'no such file') });
  t.match(await bad.ask(ls), [
    { ok: false, status: 500, message: "command 'ls -l' exited with 2: no such file" },
  ]);
  const gone = new Bench(t, { execSync: fails('NOT_FOUND', 'no container') });
  t.match(await gone.ask(ls), [
    { ok: false, status: 500, message: 'rpc error: code = NotFound desc = no container' },
  ]);
  t.match(await gone.ask({ ...ls, container: 'other' }), [
    { ok: false, status: 500, message: /^container not found \("other"\)/ },
  ]);
});

void t.test('a command ends when nobody waits for it any more', async (t) => {
  const ended = Promise.withResolvers<undefined>();
  const bench = new Bench(t, {
    execSync: (_request, { signal } = {}) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => {
          ended.resolve(undefined);
          reject(new Error('aborted'));
        });
        stream.destroy();
      }),
  });
  const stream = await bench.open(ls);
  await ended.promise;
});

void t.test('only a few commands keep their output in memory at a time', async (t) => {
  const waiting: ((output: Buffer) => void)[] = [];
  const began = new EventEmitter();
  const bench = new Bench(t, {
    execSync: (_request, { signal } = {}) =>
      new Promise((resolve, reject) => {
        signal?.addEventListener('abort', () => {
          reject(new Error('aborted'));
        });
        waiting.push((stdout) => {
          resolve({ exitCode: 0, stdout, stderr: Buffer.alloc(0) });
        });
        began.emit('began');
      }),
  });
  const begin = async (): Promise<TunnelStream> => {
    const beginning = once(began, 'began');
    const stream = await bench.open(ls);
    await beginning;
    return stream;
  };
  const refusal = [{ ok: false, status: 429, message: /under way on this device.*kubectl exec/ }];
  const [answered, left] = [await begin(), await begin()];
  for (let n = 2; n < maxRuns; n += 1) await begin();
  t.match(await bench.ask(ls), refusal);

  waiting[0]?.(Buffer.alloc(4_000_000, 'y'));
  await once(answered, 'readable');
  t.match(await bench.ask(ls), refusal, 'one whose answer is on its way counts');
  t.ok((await text(answered)).length > 4_000_000);
  answered.end();
  left.destroy();
  await begin();
  await begin();
  t.match(await bench.ask(ls), refusal, 'two have ended, and two have come');
});

void t.test('of what a failed command says the beginning is told', async (t) => {
  const bench = new Bench(t, { execSync: ends(1, '', 'no'.repeat(500_000)) });
  const [reply] = await bench.ask(ls);
  const message = `command 'ls -l' exited with 1: ${'no'.repeat(maxFailureBytes / 2)}`;
  t.same(reply, { ok: false, status: 500, message });
});

void t.test('a checkpoint is a file of the device, as far as the runtime can', async (t) => {
  const head = { type: 'checkpoint', ...where, timeoutSeconds: 7 };
  let location = '';
  const able = new Bench(t, {
    checkpointContainer: (request) => {
      t.match(request, { containerId: 'c1', timeout: 7 });
      location = request.location ?? '';
      return Promise.resolve({});
    },
  });
  const [reply, body] = await able.ask(head);
  t.same(reply, { ok: true });
  t.same(JSON.parse(body), { items: [location] });
  t.match(
    location,
    /\/checkpoints\/checkpoint-web_shop-app-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\.tar$/,
  );
  t.equal((await stat(able.dir)).mode & 0o777, 0o700);
  const broken = new Bench(t, {
    checkpointContainer: async ({ location = '' }) => {
      await writeFile(location, 'half');
      return fails('UNKNOWN', 'no room')();
    },
  });
  t.match(await broken.ask(head), [{ ok: false, message: /no room/ }]);
  t.same(await readdir(broken.dir), [], 'nothing is left of one that failed');
  const unable = new Bench(t, { checkpointContainer: fails('UNIMPLEMENTED', 'unknown method') });
  t.match(await unable.ask(head), [
    {
      ...{ ok: false, status: 500 },
      message:
        'checkpointing of shop/web/app failed (rpc error: code = Unimplemented desc = unknown method)',
    },
  ]);
});

void t.test('of many checkpoints the newest few stay', async (t) => {
  const bench = new Bench(t, {
    checkpointContainer: async ({ location = '' }) => {
      await writeFile(location, 'memory');
      return {};
    },
  });
  await mkdir(bench.dir);
  for (let n = 0; n < maxCheckpoints + 2; n += 1) {
    const old = join(bench.dir, `checkpoint-${n}.tar`);
    await writeFile(old, 'memory');
    await utimes(old, n, n);
  }
  const [, body] = await bench.ask({ type: 'checkpoint', ...where, timeoutSeconds: 0 });
  const { items } = JSON.parse(body) as { items: string[] };
  const names = await readdir(bench.dir);
  t.equal(names.length, maxCheckpoints);
  t.ok(names.includes(basename(items[0] ?? '')), 'the one that was asked for among them');
});
