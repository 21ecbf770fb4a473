import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { containerdMetrics } from '../../../../src/edge-runner/stats/containerd-metrics.ts';
import { NodeEndpoints } from '../../../../src/edge-runner/stats/node-endpoints.ts';
import { nodeUsage } from './make-usage.ts';

/** What a device without pods shows. */
function endpoints(containerdMetricsAddress: string): NodeEndpoints {
  return new NodeEndpoints({
    ...{ nodeName: 'shop.acme', version: '1.2.3', cpuCount: 1, configuration: {} },
    usage: { collect: () => Promise.resolve({ node: nodeUsage, pods: [], failures: 0 }) },
    meter: undefined as never,
    ...{ pods: () => [], unsent: () => ({ pods: 0, events: 0 }), evictions: () => new Map() },
    terminations: () => [],
    ...{ cgroupOf: () => '', containerdMetricsAddress },
  });
}

void t.test('containerd’s own metrics are passed on, those of its process are not', async (t) => {
  let answer = { status: 200, body: '' };
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/v1/metrics' ? answer.status : 404).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const address = `127.0.0.1:${port}`;
  answer.body =
    '# TYPE go_threads gauge\ngo_threads 9\nprocess_open_fds 3\n# TYPE grpc_server_handled_total counter\ngrpc_server_handled_total 5\n';
  t.equal(
    await containerdMetrics(address),
    '# TYPE grpc_server_handled_total counter\ngrpc_server_handled_total 5\n',
  );
  const text = await endpoints(address).read({ path: '/metrics', onlyCpuAndMemory: false });
  t.match(text, /^kubelet_node_name\{node="shop\.acme"\} 1$/m);
  t.match(text, /\n# TYPE grpc_server_handled_total counter\ngrpc_server_handled_total 5\n$/);
  answer = { status: 500, body: 'grpc_server_handled_total 5\n' };
  t.equal(await containerdMetrics(address), '');
  answer = { status: 200, body: `x ${'1'.repeat(5_000_000)}\n` };
  t.equal(await containerdMetrics(address), '', 'too much');
  server.close();
  server.closeAllConnections();
  t.equal(await containerdMetrics(address), '', 'nobody answers');
  t.equal(await containerdMetrics(undefined), '');
});
