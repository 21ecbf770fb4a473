import t from 'tap';
import { probeByTcp } from '../../../../src/edge-runner/probes/tcp-handler.ts';
import { localTarget, serveSilence, unaborted, unusedPort } from './targets.ts';

const options = { timeoutMs: 5_000, signal: unaborted };

void t.test('an open port is enough', async (t) => {
  const port = await serveSilence(t);
  t.same(await probeByTcp({ port }, localTarget, options), { result: 'success', output: '' });
});

void t.test('a closed port is a failure', async (t) => {
  const port = await unusedPort();
  t.same(await probeByTcp({ port }, localTarget, options), {
    result: 'failure',
    output: `dial tcp 127.0.0.1:${port}: connect: connection refused`,
  });
});

void t.test('the host is used instead of the pod’s address', async (t) => {
  const port = await serveSilence(t);
  const target = { ...localTarget, podIp: undefined };
  t.match(await probeByTcp({ port, host: '127.0.0.1' }, target, options), { result: 'success' });
  t.match(await probeByTcp({ port }, target, options), { result: 'error' });
});

void t.test('it ends with its deadline', async (t) => {
  const ended = new AbortController();
  ended.abort();
  const port = await serveSilence(t);
  t.same(await probeByTcp({ port }, localTarget, { ...options, signal: ended.signal }), {
    result: 'failure',
    output: `dial tcp 127.0.0.1:${port}: i/o timeout`,
  });
});

void t.test('a port that isn’t there', async (t) => {
  const outcome = await probeByTcp({ port: 'db' }, localTarget, options);
  t.same(outcome, { result: 'error', output: 'strconv.Atoi: parsing "db": invalid syntax' });
});
