import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import t from 'tap';
import { findFreePorts } from '../../../hack/lab/free-ports.ts';
import { providerOptions } from '../../../src/provider/options.ts';
import { Provider } from '../../../src/provider/provider.ts';
import {
  ApiServerFake,
  type Handler,
  sendJson,
  sendStatus,
} from './kube-client/api-server-fake.ts';

const host = '127.0.0.1';

/** A cluster that allows everything, and has nothing but what is created. */
function emptyCluster(): Handler {
  const created = new Map<string, unknown>();
  return ({ method, url: { pathname, searchParams }, body }, response) => {
    if (pathname === '/version') sendJson(response, { major: '1', minor: '36' });
    else if (pathname === '/apis/towline.dev/v1alpha1') {
      sendJson(response, { resources: [{ name: 'sites' }] });
    } else if (method === 'POST') {
      const object = JSON.parse(body) as { metadata?: { name?: string } };
      created.set(`${pathname}/${object.metadata?.name ?? ''}`, object);
      sendJson(response, { ...object, status: { allowed: true } }, 201);
    } else if (created.has(pathname)) sendJson(response, created.get(pathname));
    else if (searchParams.has('watch')) response.writeHead(200).flushHeaders();
    else if (searchParams.has('limit')) {
      sendJson(response, { items: [], metadata: { resourceVersion: '1' } });
    } else sendStatus(response, 404, 'NotFound');
  };
}

void t.test('the port of its metrics answers probes of the provider', async (t) => {
  const api = await ApiServerFake.start(emptyCluster());
  t.teardown(() => api.stop());
  const kubeconfig = join(t.testdir({}), 'kubeconfig');
  await writeFile(kubeconfig, api.kubeconfig);
  const [port = 0] = await findFreePorts(1, host);
  const options = providerOptions(
    {
      ...{ kubeconfig, namespace: 'towline-system', trustDomain: 'towline', logLevel: 'info' },
      ...{ listen: `${host}:0`, kubeletListen: host, nodeAddress: host, kubeletPorts: '0' },
      ...{ kubeletServingCertificate: 'own', siteCertificateLifetime: '720h' },
      ...{ disconnectGrace: '40s', drainGrace: '10s', metricsListen: `${host}:${port}` },
    },
    { environment: {}, interfaces: {} },
  );
  const stop = new AbortController();
  const ready = Promise.withResolvers<number>();
  const probe = async (path: string): Promise<unknown> => {
    const response = await fetch(`http://${host}:${port}${path}`);
    return { status: response.status, text: await response.text() };
  };
  const write = (line: string): void => {
    const { msg, listen } = JSON.parse(line) as { msg: string; listen: { port: number } };
    if (msg === 'ready') ready.resolve(listen.port);
  };
  const provider = new Provider({ ...options, version: '0', log: pino({ base: null }, { write }) });
  const running = provider.run(stop.signal);
  t.teardown(() => {
    stop.abort();
    return running;
  });
  const tunnelPort = await Promise.race([ready.promise, running]);
  t.same(await probe('/healthz'), { status: 200, text: 'ok\n' });
  t.same(await probe('/readyz'), { status: 200, text: 'ok\n' });

  const at = { host, port: Number(tunnelPort), rejectUnauthorized: false };
  for (const path of ['/healthz', '/readyz']) {
    const [response] = (await once(get({ ...at, path }), 'response')) as [IncomingMessage];
    const answer = { status: response.statusCode, text: await text(response) };
    t.same(answer, { status: 200, text: 'ok\n' }, `${path} of the public port`);
  }
});
