import type { Test } from 'tap';
import { isRunning, shellPod, type Cluster } from './cluster.ts';

/**
 * In a pod: a web server that writes down what it is asked, and sends `/away` to another host; and
 * a health service of gRPC in which only `web` serves.
 */
const server = `
require('http').createServer((request, response) => {
  console.log(JSON.stringify([request.method, request.url, ...request.rawHeaders]));
  if (request.url === '/away') response.writeHead(302, { location: 'http://other.example/' });
  response.end('moved');
}).listen(8080);
require('http2').createServer().on('stream', (stream) => {
  const asked = [];
  stream.on('data', (data) => asked.push(data));
  stream.on('end', () => {
    const status = Buffer.concat(asked).subarray(5).includes('web') ? 1 : 2;
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.from([0, 0, 0, 0, 2, 8, status]));
  });
}).listen(9090);
`;

const withMachine = { volumes: [{ name: 'machine', hostPath: { path: '/' } }] };

/** The image has neither server, so the machine's Node serves. */
const serving = {
  command: ['chroot', '/machine', process.execPath, '-e', server],
  volumeMounts: [{ name: 'machine', mountPath: '/machine' }],
  ports: [{ name: 'web', containerPort: 8080 }],
};

const soon = { periodSeconds: 1, failureThreshold: 30 };

/** What servers in pods see of probes over HTTP, and what their answers come to. */
export async function httpServer(
  t: Test,
  cluster: Cluster,
  untilEvent: (pod: string, words: string) => Promise<void>,
): Promise<void> {
  const httpHeaders = [{ name: 'x-mINE', value: 'yes' }];
  await cluster.apply(
    shellPod(cluster, 'mover', '', withMachine, {
      ...serving,
      startupProbe: { ...soon, httpGet: { port: 'web', path: '/away' } },
      readinessProbe: { ...soon, httpGet: { port: 'web', path: '/x?y=1', httpHeaders } },
    }),
  );
  const pod = await cluster.untilPod('mover', 'Ready', isRunning);
  const where = 'Startup probe warning: Probe terminated redirects, Response body: moved';
  await untilEvent('mover', `ProbeWarning: ${where}`);
  const asked = await cluster.kubectl('logs', 'mover');
  const sent = asked.split('\n').find((line) => line.includes('/x?y=1')) ?? '[]';
  const headers = {
    ...{ Host: `${pod.status?.podIP ?? ''}:8080`, 'User-Agent': 'kube-probe/1.36' },
    ...{ Accept: '*/*', 'X-Mine': 'yes', Connection: 'close' },
  };
  t.same(JSON.parse(sent), ['GET', '/x?y=1', ...Object.entries(headers).flat()]);
  await cluster.kubectl('delete', 'pod', 'mover', '--timeout=30s');
}

/** The same of the health service. */
export async function grpcServer(
  t: Test,
  cluster: Cluster,
  untilEvent: (pod: string, words: string) => Promise<void>,
): Promise<void> {
  const served = (name: string, service: string): object =>
    shellPod(cluster, name, '', withMachine, {
      ...serving,
      readinessProbe: { ...soon, grpc: { port: 9090, service } },
    });
  await cluster.apply(served('well', 'web'), served('unwell', 'other'));
  await cluster.untilPod('well', 'Ready', isRunning);
  const sick = 'Readiness probe failed: service unhealthy (responded with "NOT_SERVING")';
  await untilEvent('unwell', `Unhealthy: ${sick}`);
  t.equal((await cluster.pod('unwell'))?.status?.containerStatuses?.[0]?.ready, false);
  await cluster.kubectl('delete', 'pod', 'well', 'unwell', '--timeout=30s');
}
