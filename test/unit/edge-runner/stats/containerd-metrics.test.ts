import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { containerdMetrics } from '../../../../src/edge-runner/stats/containerd-metrics.ts';

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
  answer = { status: 500, body: 'grpc_server_handled_total 5\n' };
  t.equal(await containerdMetrics(address), '');
  answer = { status: 200, body: `x ${'1'.repeat(5_000_000)}\n` };
  t.equal(await containerdMetrics(address), '', 'too much');
  server.close();
  server.closeAllConnections();
  t.equal(await containerdMetrics(address), '', 'nobody answers');
  t.equal(await containerdMetrics(undefined), '');
});
