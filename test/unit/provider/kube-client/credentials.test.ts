import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { KubeConfig } from '@kubernetes/client-node';
import pino from 'pino';
import t from 'tap';
import { CredentialSource } from '../../../../src/provider/kube-client/credential-source.ts';
import { Dispatchers } from '../../../../src/provider/kube-client/dispatchers.ts';
import { KubeClient } from '../../../../src/provider/kube-client/kube-client.ts';
import { loadKubeConfig } from '../../../../src/provider/kube-client/kube-config.ts';
import { resources } from '../../../../src/provider/kube-client/resource-type.ts';
import type { Teardown } from './api-server-fake.ts';
import { TestCa } from '../kubelet-api/test-pki.ts';

const log = pino({ level: 'silent' });
const ca = new TestCa('cluster-ca');

interface Seen {
  user: string | undefined;
  authorization: string | undefined;
}

async function folder(test: Teardown): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'towline-credentials-'));
  test.teardown(() => rm(dir, { recursive: true }));
  return dir;
}

/** An API server over TLS that notes who asks; `accepts` decides on the Authorization header. */
async function apiServer(
  test: Teardown,
  accepts: (authorization: string | undefined) => boolean = () => true,
): Promise<{ url: string; seen: Seen[] }> {
  const serving = ca.issue({ commonNames: ['apiserver'], usage: 'server' });
  const seen: Seen[] = [];
  const server = createServer(
    { ...serving, ca: ca.cert, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      const { socket } = request;
      const certificate =
        socket instanceof TLSSocket && socket.authorized
          ? socket.getPeerX509Certificate()
          : undefined;
      const user = certificate?.subject;
      const { authorization } = request.headers;
      seen.push({ user, authorization });
      response.writeHead(accepts(authorization) ? 200 : 401).end('{}');
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.teardown(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

function kubeconfig(server: string, user: object): string {
  const authority = Buffer.from(ca.cert).toString('base64');
  return JSON.stringify({
    clusters: [{ name: 'c', cluster: { server, 'certificate-authority-data': authority } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  });
}

void t.test(
  'a client certificate of the kubeconfig is shown, and the server checked',
  async (t) => {
    const { url, seen } = await apiServer(t);
    const dir = await folder(t);
    const { cert, key } = ca.issue({ commonNames: ['alice'] });
    await writeFile(join(dir, 'tls.crt'), cert);
    await writeFile(join(dir, 'tls.key'), key);
    const file = join(dir, 'config');
    await writeFile(
      file,
      kubeconfig(url, { 'client-certificate': 'tls.crt', 'client-key': 'tls.key' }),
    );
    const client = new KubeClient({ config: loadKubeConfig({ file }), log });
    t.teardown(() => client.close());
    await client.get(resources.nodes, { name: 'n' });
    t.equal(seen[0]?.user, 'CN=alice');

    const stranger = new KubeConfig();
    stranger.loadFromClusterAndUser(
      {
        name: 'c',
        server: url,
        skipTLSVerify: false,
        caData: Buffer.from(new TestCa('other').cert).toString('base64'),
      },
      { name: 'u' },
    );
    const distrustful = new KubeClient({ config: stranger, log });
    t.teardown(() => distrustful.close());
    await t.rejects(distrustful.create(resources.nodes, {}), { code: 'UNREACHABLE' });
    t.equal(seen.length, 1);
  },
);

void t.test('files are read again after ten seconds, and then new connections made', async (t) => {
  const dir = await folder(t);
  const file = join(dir, 'config');
  const write = async (name: string): Promise<void> => {
    const { cert, key } = ca.issue({ commonNames: [name] });
    await writeFile(join(dir, 'tls.crt'), cert);
    await writeFile(join(dir, 'tls.key'), key);
  };
  await write('alice');
  await writeFile(
    file,
    kubeconfig('https://127.0.0.1:1', { 'client-certificate': 'tls.crt', 'client-key': 'tls.key' }),
  );
  const config = loadKubeConfig({ file });
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new TypeError('no cluster');
  const dispatchers = new Dispatchers(config, cluster);
  t.teardown(() => dispatchers.destroy());
  let now = 0;
  const source = new CredentialSource(config, () => now);
  const first = dispatchers.for((await source.current()).tls);
  await write('bob');
  now = 9_999;
  t.equal(dispatchers.for((await source.current()).tls), first);
  now = 10_000;
  const second = dispatchers.for((await source.current()).tls);
  t.not(second, first);
  now = 30_000;
  t.equal(dispatchers.for((await source.current()).tls), second, 'the same files, the same pool');
});

void t.test('a token of a plugin that the server refuses is asked for again', async (t) => {
  const { url, seen } = await apiServer(t, (authorization) => authorization === 'Bearer token-2');
  const dir = await folder(t);
  const plugin = join(dir, 'plugin.sh');
  await writeFile(
    plugin,
    [
      '#!/bin/sh',
      `echo run >> ${dir}/runs`,
      `n=$(wc -l < ${dir}/runs | tr -d ' ')`,
      'echo "{\\"apiVersion\\":\\"client.authentication.k8s.io/v1\\",\\"kind\\":\\"ExecCredential\\",\\"status\\":{\\"token\\":\\"token-$n\\",\\"expirationTimestamp\\":\\"2020-01-01T00:00:00Z\\"}}"',
    ].join('\n'),
  );
  await chmod(plugin, 0o755);
  const file = join(dir, 'config');
  await writeFile(file, kubeconfig(url, { exec: { command: plugin } }));
  const client = new KubeClient({ config: loadKubeConfig({ file }), log });
  t.teardown(() => client.close());
  await client.get(resources.nodes, { name: 'n' });
  t.same(
    seen.map(({ authorization }) => authorization),
    ['Bearer token-1', 'Bearer token-2'],
  );
  await client.get(resources.nodes, { name: 'n' });
  t.equal(await readFile(join(dir, 'runs'), 'utf8'), 'run\nrun\n', 'not run for every request');
});

void t.test('a plugin that fails is told with its words', async (t) => {
  const dir = await folder(t);
  const file = join(dir, 'config');
  const exec = { command: '/bin/sh', args: ['-c', 'echo "log in first" >&2; exit 3'] };
  await writeFile(file, kubeconfig('https://127.0.0.1:1', { exec }));
  const client = new KubeClient({ config: loadKubeConfig({ file }), log });
  t.teardown(() => client.close());
  await t.rejects(client.get(resources.nodes, { name: 'n' }), {
    code: 'CONFIG_INVALID',
    message: /user "u".*log in first/,
  });
});

void t.test('a kubeconfig that cannot be used says which and why', async (t) => {
  const dir = await folder(t);
  const file = join(dir, 'config');
  t.throws(() => loadKubeConfig({ file }), { code: 'CONFIG_INVALID', message: /ENOENT/ });
  await writeFile(file, '{{{');
  t.throws(() => loadKubeConfig({ file }), { code: 'CONFIG_INVALID' });
  await writeFile(file, kubeconfig('https://x', {}));
  t.throws(() => loadKubeConfig({ file, context: 'none' }), {
    code: 'CONFIG_INVALID',
    message: /has no cluster for its context "none"/,
  });
});
