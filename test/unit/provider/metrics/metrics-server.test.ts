import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import t from 'tap';
import { MetricsServer } from '../../../../src/provider/metrics/metrics-server.ts';
import { providerMetrics } from '../../../../src/provider/metrics/provider-metrics.ts';

const host = '127.0.0.1';

void t.test('the provider’s figures are told as Prometheus reads them', async (t) => {
  const server = new MetricsServer(() =>
    providerMetrics({
      connectedSites: () => 7,
      strangers: () => ({
        tunnels: { count: 3, dropped: 40 },
        'kubelet API': { count: 1, dropped: 0 },
      }),
    }),
  );
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
  await t.rejects(new MetricsServer(() => []).listen({ host, port }), {
    code: 'FLAG_INVALID',
    message: `--metrics-listen: cannot listen on ${host}:${port} (EADDRINUSE): give a free port of this machine`,
  });
});
