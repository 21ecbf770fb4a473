import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import t from 'tap';
import { maxMetricsConnections } from '../../../../src/provider/metrics/limits.ts';
import { MetricsServer } from '../../../../src/provider/metrics/metrics-server.ts';
import type { Metric } from '../../../../src/provider/metrics/metrics-text.ts';
import { providerMetrics } from '../../../../src/provider/metrics/provider-metrics.ts';
import { closed, openStranger } from '../strangers/open-stranger.ts';

const host = '127.0.0.1';
const none = { metrics: () => [], notReady: () => undefined };

void t.test('the provider’s figures are told as Prometheus reads them', async (t) => {
  const metrics = (): Metric[] =>
    providerMetrics({
      connectedSites: () => 7,
      strangers: () => ({
        tunnels: { count: 3, dropped: 40 },
        'kubelet API': { count: 1, dropped: 0 },
      }),
    });
  const server = new MetricsServer({ ...none, metrics });
  t.teardown(() => server.close());
  const { port } = await server.listen({ host, port: 0 });
  const response = await fetch(`http://${host}:${port}/metrics`);
  t.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  const text = await response.text();
  for (const line of [
    '# TYPE towline_provider_connected_sites gauge',
    'towline_provider_connected_sites 7',
    'towline_provider_strangers{listener="tunnels"} 3',
    '# TYPE towline_provider_strangers_dropped_total counter',
    'towline_provider_strangers_dropped_total{listener="tunnels"} 40',
    'towline_provider_strangers_dropped_total{listener="kubelet API"} 0',
  ]) {
    t.match(text, `\n${line}\n`.slice(text.startsWith(line) ? 1 : 0), line);
  }
  t.match(text, /\nprocess_resident_memory_bytes \d{7,}\n/);
  for (const line of text.trimEnd().split('\n')) {
    t.match(line, /^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[\w ]+"\})? \d+)$/);
  }
  t.equal((await fetch(`http://${host}:${port}/`)).status, 404);
  t.equal((await fetch(`http://${host}:${port}/metrics`, { method: 'POST' })).status, 404);
});

void t.test('a port that is taken is told by the flag', async (t) => {
  const taken = createServer().listen(0, host);
  t.teardown(() => taken.close());
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  await t.rejects(new MetricsServer(none).listen({ host, port }), {
    code: 'FLAG_INVALID',
    message: `--metrics-listen: cannot listen on ${host}:${port} (EADDRINUSE): give a free port of this machine`,
  });
});

void t.test('probes are answered as at the public port', async (t) => {
  const state: { reason: string | undefined } = { reason: 'stopping' };
  const server = new MetricsServer({ ...none, notReady: () => state.reason });
  t.teardown(() => server.close());
  const { port } = await server.listen({ host, port: 0 });
  const ask = async (path: string): Promise<unknown> => {
    const response = await fetch(`http://${host}:${port}${path}`);
    return { status: response.status, text: await response.text() };
  };
  t.same(await ask('/healthz'), { status: 200, text: 'ok\n' });
  t.same(await ask('/readyz'), { status: 503, text: 'stopping\n' });
  state.reason = undefined;
  t.same(await ask('/readyz'), { status: 200, text: 'ok\n' });
});

void t.test('whoever holds all connections makes room for a probe from elsewhere', async (t) => {
  const server = new MetricsServer(none);
  t.teardown(() => server.close());
  const { port } = await server.listen({ host, port: 0 });
  const sockets: Socket[] = [];
  for (let n = 0; n < maxMetricsConnections; n += 1) {
    sockets.push(await openStranger(t, port, '127.0.0.2'));
  }
  t.equal((await fetch(`http://${host}:${port}/healthz`)).status, 200);
  await Promise.any(sockets.map(closed));
  t.equal(sockets.filter((socket) => socket.closed).length, 1, 'one of his has gone for it');
});

void t.test(
  'a request that does not come is not waited for much longer than its time',
  async (t) => {
    const timeouts = { requestMs: 200, checkMs: 50 };
    const server = new MetricsServer({ ...none, timeouts });
    t.teardown(() => server.close());
    const { port } = await server.listen({ host, port: 0 });
    const startedAtMs = performance.now();
    const silent = await openStranger(t, port);
    t.ok(await closed(silent));
    t.ok(performance.now() - startedAtMs < 10_000, 'by default Node looks every 30 s');
  },
);
