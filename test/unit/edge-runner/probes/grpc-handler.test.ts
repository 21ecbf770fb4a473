import { createServer, type ServerHttp2Stream } from 'node:http2';
import t, { type Test } from 'tap';
import { encodeFrame } from '../../../../src/edge-runner/cri/grpc-frames.ts';
import { probeByGrpc } from '../../../../src/edge-runner/probes/grpc-handler.ts';
import {
  HealthCheckRequest,
  HealthCheckResponse,
} from '../../../../src/edge-runner/probes/health-messages.ts';
import type { ProbeOutcome } from '../../../../src/edge-runner/probes/probe-outcome.ts';
import type { GrpcAction } from '../../../../src/kube/probe.ts';
import { listen, localTarget, serveHttp, serveSilence, unaborted, unusedPort } from './targets.ts';

function probe(action: GrpcAction, timeoutMs = 5_000): Promise<ProbeOutcome> {
  return probeByGrpc(action, localTarget, { timeoutMs, signal: unaborted });
}

type Answer = (stream: ServerHttp2Stream, service: string) => void;

/** A gRPC server that answers health checks as a test says. */
async function serveHealth(t: Test, answer: Answer): Promise<number> {
  const server = createServer();
  server.on('stream', (stream, headers) => {
    t.match(headers, {
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': 'kube-probe/1.36',
    });
    const chunks: Buffer[] = [];
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const { service } = HealthCheckRequest.decode(Buffer.concat(chunks).subarray(5));
      answer(stream, service);
    });
  });
  t.teardown(() => {
    server.close();
  });
  return listen(server);
}

const serving = answering(1);

function answering(status: number): Answer {
  return (stream) => {
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc' },
      { waitForTrailers: true },
    );
    stream.on('wantTrailers', () => {
      stream.sendTrailers({ 'grpc-status': '0' });
    });
    stream.end(encodeFrame(HealthCheckResponse.encode({ status })));
  };
}

/** An answer of nothing but a status. */
function refusing(status: number, text: string): Answer {
  return (stream) => {
    stream.respond(
      {
        ...{ ':status': 200, 'content-type': 'application/grpc' },
        ...{ 'grpc-status': String(status), 'grpc-message': text },
      },
      { endStream: true },
    );
  };
}

void t.test('a service that serves is healthy', async (t) => {
  const services: string[] = [];
  const port = await serveHealth(t, (stream, service) => {
    services.push(service);
    serving(stream, service);
  });
  t.same(await probe({ port }), { result: 'success', output: 'service healthy' });
  await probe({ port, service: 'shop' });
  t.same(services, ['', 'shop']);
});

void t.test('other states are failures', async (t) => {
  for (const [status, name] of [
    [0, 'UNKNOWN'],
    [2, 'NOT_SERVING'],
    [3, 'SERVICE_UNKNOWN'],
    [9, '9'],
  ] as const) {
    const port = await serveHealth(t, answering(status));
    t.same(await probe({ port }), {
      result: 'failure',
      output: `service unhealthy (responded with "${name}")`,
    });
  }
});

void t.test('refusals', async (t) => {
  const unimplemented = await serveHealth(t, refusing(12, 'unknown service'));
  t.same(await probe({ port: unimplemented }), {
    result: 'failure',
    output:
      'error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unknown service',
  });
  const notFound = await serveHealth(t, refusing(5, 'unknown service'));
  t.same(await probe({ port: notFound }), {
    result: 'failure',
    output: 'error: health rpc probe failed: rpc error: code = NotFound desc = unknown service',
  });
});

void t.test('an answer that is too large is not kept', async (t) => {
  const port = await serveHealth(t, (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.end(encodeFrame(Buffer.alloc(1024 * 1024)));
  });
  t.match(await probe({ port }), { result: 'failure', output: /code = Internal/ });
});

void t.test('no server, a silent one, one of another protocol', async (t) => {
  const refused = await unusedPort();
  t.match(await probe({ port: refused }), {
    result: 'failure',
    output: `error: failed to connect service at "127.0.0.1:${refused}": dial tcp 127.0.0.1:${refused}: connect: connection refused`,
  });
  const silent = await serveSilence(t);
  t.same(await probe({ port: silent }, 100), {
    result: 'failure',
    output: 'timeout: health rpc did not complete within 100ms',
  });
  const http = await serveHttp(t, (_, response) => response.end());
  t.match(await probe({ port: http }), { result: 'failure' });
});
