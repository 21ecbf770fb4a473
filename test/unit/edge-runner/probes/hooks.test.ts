import { createServer as createTcpServer } from 'node:net';
import t from 'tap';
import type { Executor } from '../../../../src/edge-runner/probes/exec-handler.ts';
import { PreStopHooks } from '../../../../src/edge-runner/probes/pre-stop-hooks.ts';
import {
  createRunHook,
  type HookProblem,
  type HookTarget,
  type PodWideEvents,
} from '../../../../src/edge-runner/probes/run-hook.ts';
import type { LifecycleHandler } from '../../../../src/kube/probe.ts';
import { ManualClock } from '../../tunnel/manual-clock.ts';
import { listen, localTarget, serveHttp, serveHttps, unaborted, unusedPort } from './targets.ts';

const target: HookTarget = {
  ...localTarget,
  pod: { metadata: { name: 'shop', namespace: 'berlin', uid: 'u-1' }, spec: { containers: [] } },
};

function runtime(exitCode: number, stderr = ''): Executor {
  const end = { stdout: Buffer.from('out'), stderr: Buffer.from(stderr), exitCode };
  return { execSync: () => Promise.resolve(end) };
}

const title = 'for Container "web" in Pod "shop_berlin(u-1)" failed - error';

const told: string[] = [];
const events: PodWideEvents = {
  record: (...event) => told.push(event.join(' ')),
};

function run(handler: LifecycleHandler, cri: Executor = runtime(0)): Promise<HookProblem> {
  return createRunHook(cri, events)(handler, target, unaborted);
}

void t.test('commands', async (t) => {
  const exec = { command: ['sh', '-c', 'exit 3'] };
  t.equal(await run({ exec }), undefined);
  t.equal(
    await run({ exec }, runtime(3, 'err')),
    `Exec lifecycle hook ([sh -c exit 3]) ${title}: command 'sh -c exit 3' exited with 3: err, message: "outerr"`,
  );
});

void t.test('any HTTP answer is enough', async (t) => {
  const agents: (string | undefined)[] = [];
  const port = await serveHttp(t, (request, response) => {
    agents.push(request.headers['user-agent']);
    response.writeHead(500).end();
  });
  t.equal(await run({ httpGet: { port, path: '/up' } }), undefined);
  t.same(agents, ['kube-lifecycle/1.36']);
  const refused = await unusedPort();
  t.equal(
    await run({ httpGet: { port: refused, path: '/up' } }),
    `HTTP lifecycle hook (/up) ${title}: Get "http://127.0.0.1:${refused}/up": dial tcp 127.0.0.1:${refused}: connect: connection refused`,
  );
  t.match(await run({ httpGet: { port: 'web', path: '/up' } }), 'strconv.Atoi');
});

void t.test(
  'a hook that asks for HTTPS is answered without it, too, but gets no credentials',
  async (t) => {
    const seen: unknown[] = [];
    const port = await serveHttp(t, ({ headers }, response) => {
      seen.push([headers.authorization, headers['x-mine']]);
      response.end();
    });
    const httpHeaders = [
      { name: 'authorization', value: 'Bearer x' },
      { name: 'X-Mine', value: 'yes' },
    ];
    t.equal(await run({ httpGet: { port, scheme: 'HTTPS', path: '/up', httpHeaders } }), undefined);
    t.same(seen, [[undefined, 'yes']]);
    t.same(told, [
      `Warning LifecycleHTTPFallback request to HTTPS lifecycle hook 127.0.0.1:${port} got HTTP response, retry with HTTP succeeded`,
    ]);
    const tls = await serveHttps(t, (_request, response) => response.end());
    t.equal(await run({ httpGet: { port: tls, scheme: 'HTTPS' } }), undefined);
    const garbage = createTcpServer((socket) => socket.end('neither this nor that\r\n'));
    const neither = await listen(garbage);
    t.teardown(() => {
      garbage.close();
    });
    t.match(await run({ httpGet: { port: neither, scheme: 'HTTPS' } }), 'Get "https://127.0.0.1');
    t.equal(told.length, 1, 'none of these two is told');
  },
);

void t.test('connections', async (t) => {
  const server = createTcpServer((socket) => socket.end());
  const port = await listen(server);
  t.teardown(() => {
    server.close();
  });
  t.equal(await run({ tcpSocket: { port } }), undefined);
  t.match(await run({ tcpSocket: { port: await unusedPort() } }), 'connection refused');
});

void t.test('sleep', async (t) => {
  t.equal(await run({ sleep: { seconds: 0 } }), undefined);
  const ended = new AbortController();
  const problem = createRunHook(runtime(0), events)(
    { sleep: { seconds: 60 } },
    target,
    ended.signal,
  );
  ended.abort();
  t.equal(await problem, `Sleep lifecycle hook (60) ${title}: container terminated`);
});

void t.test('a hook that says nothing fails', async (t) => {
  t.match(await run({}), 'Cannot run handler');
});

/** Hooks that end when a test says so. */
class Stop {
  readonly clock = new ManualClock();
  readonly events: string[] = [];
  readonly signals: AbortSignal[] = [];
  readonly end = Promise.withResolvers<HookProblem>();
  readonly hooks = new PreStopHooks({
    run: (_, __, signal) => {
      this.signals.push(signal);
      return this.end.promise;
    },
    clock: this.clock,
    events: {
      record: (type, reason, message, container) => {
        this.events.push(`${type} ${reason} ${container ?? ''}: ${message}`);
      },
    },
  });

  before(graceSeconds: number, handler: LifecycleHandler | undefined = {}): Promise<number> {
    return this.hooks.beforeStop(handler, target, { graceSeconds, signal: unaborted });
  }
}

void t.test('the time of a preStop hook is taken off the grace', async (t) => {
  const stop = new Stop();
  const left = stop.before(30);
  await stop.clock.advance(12_400);
  stop.end.resolve(undefined);
  t.equal(await left, 18);
  t.same(stop.events, []);
});

void t.test('two seconds are always left', async (t) => {
  const stop = new Stop();
  const left = stop.before(30);
  await stop.clock.advance(30_000);
  t.equal(await left, 2, 'and the hook is no longer waited for');
  t.equal(stop.signals[0]?.aborted, false);
  stop.hooks.keepOnly(new Set());
  t.equal(stop.signals[0]?.aborted, true, 'it ends with its container');
});

void t.test('without a hook, or without grace, the grace stays as it is', async (t) => {
  const stop = new Stop();
  t.equal(
    await stop.hooks.beforeStop(undefined, target, { graceSeconds: 1, signal: unaborted }),
    1,
  );
  t.equal(await stop.before(0), 0);
  t.same(stop.signals, []);
});

void t.test('a second, shorter end waits for the same hook', async (t) => {
  const stop = new Stop();
  const first = stop.before(30);
  await stop.clock.advance(1_000);
  const second = stop.before(3);
  await stop.clock.advance(3_000);
  t.equal(await second, 2);
  t.equal(stop.signals.length, 1);
  stop.end.resolve(undefined);
  t.equal(await first, 26);
});

void t.test('a hook that failed has an event without its words', async (t) => {
  const stop = new Stop();
  const left = stop.before(30);
  stop.end.resolve('secret words');
  t.equal(await left, 30);
  t.same(stop.events, ['Warning FailedPreStopHook web: PreStopHook failed']);
});

void t.test('a runner that ends doesn’t wait for hooks', async (t) => {
  const stop = new Stop();
  const ended = new AbortController();
  const left = stop.hooks.beforeStop({}, target, { graceSeconds: 600, signal: ended.signal });
  ended.abort();
  t.equal(await left, 600);
});
