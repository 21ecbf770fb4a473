import t from 'tap';
import { BandwidthLimiter } from '../../../../src/edge-runner/network/bandwidth-limiter.ts';
import { hostRunner, runOnHost } from '../../../../src/edge-runner/host/run-on-host.ts';
import { hostProgramLimitMs } from '../../../../src/edge-runner/limits.ts';
import { makePod } from '../pod/make-observed.ts';

/** Far below the time that the programs of these tests would take. */
const soonMs = 20_000;

void t.test('what a program writes is given, its failure told', async (t) => {
  t.equal(await runOnHost('echo', ['a', 'b']), 'a b\n');
  await t.rejects(runOnHost('false', []), { code: 1 });
  await t.rejects(runOnHost('/nowhere/program', []), { code: 'ENOENT' });
  t.ok(hostProgramLimitMs > 1000);
});

void t.test('a program that hangs is given up, even if its child keeps the pipe', async (t) => {
  const startMs = performance.now();
  const run = hostRunner(100);
  await t.rejects(run('sleep', ['60']), { message: 'sleep has not ended within 0.1 s' });
  await t.rejects(run('sh', ['-c', 'sleep 60 & wait']), { message: /has not ended/ });
  t.ok(performance.now() - startMs < soonMs);
});

void t.test('a signal ends the wait at once', async (t) => {
  const startMs = performance.now();
  const stop = new AbortController();
  const waiting = runOnHost('sleep', ['60'], { signal: stop.signal });
  stop.abort(new RangeError('stopped'));
  await t.rejects(waiting, { name: 'RangeError', message: 'stopped' });
  await t.rejects(runOnHost('echo', [], { signal: stop.signal }), { name: 'RangeError' });
  t.ok(performance.now() - startMs < soonMs);
});

void t.test('the bandwidth of a pod is told as what a stuck program leaves undone', async (t) => {
  const stuck = hostRunner(100);
  const namespaces = [{ type: 'network', path: '/run/netns/cni-1' }];
  const info = { info: JSON.stringify({ runtimeSpec: { linux: { namespaces } } }) };
  const limiter = new BandwidthLimiter({
    cri: { podSandboxStatus: () => Promise.resolve({ status: undefined, info }) },
    run: (_program, _args, options) => stuck('sleep', ['60'], options),
    log: { warn: () => undefined },
  });
  const pod = makePod();
  const annotations = { 'kubernetes.io/ingress-bandwidth': '8M' };
  const slow = { ...pod, metadata: { ...pod.metadata, annotations } };
  await t.rejects(limiter.limit(slow, 's'), {
    ...{ code: 'BANDWIDTH_UNAVAILABLE', message: /sleep has not ended within/ },
  });
  const stop = new AbortController();
  const limited = limiter.limit(slow, 's', stop.signal);
  stop.abort(new RangeError('stopped'));
  await t.rejects(limited, { name: 'RangeError' });
});
