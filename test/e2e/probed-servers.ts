import type { Test } from 'tap';
import { waitFor } from '../../hack/lab/wait.ts';
import { isRunning, shellPod, type Cluster } from './cluster.ts';

/**
 * In a pod: a web server, with and without TLS, that writes down what it is asked, and sends `/away` to
 * another host; and a health service of gRPC in which only `web` serves.
 */
const server = `
const answer = (request, response) => {
  console.log(JSON.stringify([request.method, request.url, ...request.rawHeaders]));
  if (request.url === '/away') response.writeHead(302, { location: 'http://other.example/' });
  response.end('moved');
};
require('http').createServer(answer).listen(8080);
const { mkdtempSync, readFileSync, rmSync } = require('fs');
const folder = mkdtempSync('/tmp/probed-');
const [key, cert] = [folder + '/key', folder + '/cert'];
const request = 'req -x509 -newkey rsa:2048 -nodes -subj /CN=nobody -days 1 -keyout ' + key + ' -out ' + cert;
require('child_process').execFileSync('openssl', request.split(' '), { stdio: 'ignore' });
require('https').createServer({ key: readFileSync(key), cert: readFileSync(cert) }, answer).listen(8443);
rmSync(folder, { recursive: true });
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
  const httpHeaders = [
    { name: 'x-mINE', value: 'yes' },
    { name: 'Host', value: 'shop.example' },
  ];
  await cluster.apply(
    shellPod(cluster, 'mover', '', withMachine, {
      ...serving,
      startupProbe: { ...soon, httpGet: { port: 'web', path: '/away' } },
      readinessProbe: { ...soon, httpGet: { port: 'web', path: '/x?y=1', httpHeaders } },
      livenessProbe: { ...soon, httpGet: { port: 8443, path: '/alive', scheme: 'HTTPS' } },
    }),
  );
  const pod = await cluster.untilPod('mover', 'Ready', isRunning);
  const where = 'Startup probe warning: Probe terminated redirects, Response body: moved';
  await untilEvent('mover', `ProbeWarning: ${where}`);
  const asked = (path: string): Promise<string> =>
    waitFor(
      async () => {
        const log = await cluster.kubectl('logs', 'mover');
        return log.split('\n').find((line) => line.includes(path));
      },
      { what: `the server to be asked for ${path}`, timeoutMs: 20_000 },
    );
  const { podIP: host = '' } = pod.status ?? {};
  const usual = { 'User-Agent': 'kube-probe/1.36', Accept: '*/*' };
  const given = { Host: 'shop.example', ...usual, 'X-Mine': 'yes', Connection: 'close' };
  const sent = JSON.parse(await asked('/x?y=1')) as string[];
  t.same(sent, ['GET', '/x?y=1', ...Object.entries(given).flat()]);
  const plain = { Host: `${host}:8443`, ...usual, Connection: 'close' };
  const overTls = JSON.parse(await asked('/alive')) as string[];
  t.same(overTls, ['GET', '/alive', ...Object.entries(plain).flat()]);
  const httpGet = { host, port: 8080, path: '/of-another' };
  await cluster.apply(
    shellPod(cluster, 'leans', 'exec sleep 1000', {}, { readinessProbe: { ...soon, httpGet } }),
  );
  await cluster.untilPod('leans', 'Ready by what another pod answers', isRunning);
  await cluster.kubectl('delete', 'pod', 'mover', 'leans', '--timeout=30s');
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
