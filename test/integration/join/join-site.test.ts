import { readdir, readlink, stat } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import t, { type Test } from 'tap';
import { loadIdentity } from '../../../src/edge-runner/join/identity-dir.ts';
import { joinSite, type JoinOptions } from '../../../src/edge-runner/join/join-site.ts';
import { parseProviderAddresses } from '../../../src/edge-runner/join/provider-address.ts';
import { startProvider, type ProviderFixture } from './provider-fixture.ts';

function optionsFor(
  provider: ProviderFixture,
  dir: string,
  more: Partial<JoinOptions> = {},
): JoinOptions {
  return {
    addresses: parseProviderAddresses(provider.url),
    tenant: 'acme',
    site: 'shop',
    token: 'secret',
    caHash: provider.authority.caHash,
    dir,
    force: false,
    environment: {},
    signal: AbortSignal.timeout(20_000),
    ...more,
  };
}

async function withProvider(
  t: Test,
  options: Parameters<typeof startProvider>[0] = {},
): Promise<ProviderFixture> {
  const provider = await startProvider(options);
  t.teardown(() => provider.close());
  provider.sites.add('shop', 'secret');
  return provider;
}

void t.test('a device joins, and its identity can be loaded again', async (t) => {
  const provider = await withProvider(t);
  const dir = join(t.testdir({}), 'state', 'towline');
  const joined = await joinSite(optionsFor(provider, dir));
  const loaded = await loadIdentity(dir);
  t.strictSame(loaded, joined);
  t.strictSame(loaded.addresses, [provider.url]);
  t.equal(loaded.ca, provider.authority.certificatePem);
  const mode = async (name: string): Promise<number> => (await stat(join(dir, name))).mode & 0o777;
  t.equal(await mode('.'), 0o700);
  t.equal(await mode('identity/'), 0o700);
  t.equal(await mode('identity/key.pem'), 0o600);
});

void t.test(
  'an identity is replaced only by force, and nothing of the old one stays',
  async (t) => {
    const provider = await withProvider(t);
    const dir = t.testdir({});
    const first = await joinSite(optionsFor(provider, dir));
    provider.sites.add('shop', 'second');
    const again = optionsFor(provider, dir, { token: 'second' });
    await t.rejects(joinSite(again), { code: 'IDENTITY_EXISTS', message: /--force/ });
    t.strictSame(await loadIdentity(dir), first);
    const replaced = await joinSite({ ...again, force: true });
    t.not(replaced.privateKey, first.privateKey);
    t.strictSame(await loadIdentity(dir), replaced);
    t.strictSame(
      (await readdir(dir)).sort(),
      [await readlink(join(dir, 'identity')), 'identity'].sort(),
    );
  },
);

void t.test('tokens that are wrong, used or expired say which', async (t) => {
  const provider = await withProvider(t);
  const dir = t.testdir({});
  const attempt = (token: string, site = 'shop'): Promise<unknown> =>
    joinSite(optionsFor(provider, dir, { token, site }));
  await t.rejects(attempt('guess'), {
    code: 'TOKEN_UNKNOWN',
    message: /towlinectl site token shop/,
  });
  await t.rejects(attempt('secret', 'nowhere'), { code: 'TOKEN_UNKNOWN' });
  provider.sites.add('late', 'old', -1000);
  await t.rejects(attempt('old', 'late'), { code: 'TOKEN_EXPIRED', message: /expired/ });
  await attempt('secret');
  await t.rejects(joinSite(optionsFor(provider, dir, { force: true })), {
    code: 'TOKEN_USED',
    message: /works only once/,
  });
  t.match(await loadIdentity(dir), { site: 'shop' }, 'a refused join leaves the identity alone');
  t.equal((await readdir(dir)).length, 2, 'and nothing else behind');
});

void t.test('another CA is told nothing', async (t) => {
  const provider = await withProvider(t);
  const other = await startProvider({ sites: provider.sites });
  t.teardown(() => other.close());
  const options = optionsFor(provider, t.testdir({}), { caHash: other.authority.caHash });
  await t.rejects(joinSite(options), { code: 'PROVIDER_UNTRUSTED', message: /nothing was sent/ });
  t.equal(provider.sites.get('shop')?.status, undefined);
});

void t.test('a certificate for another host is told nothing', async (t) => {
  const provider = await withProvider(t, { names: ['provider.example'] });
  const options = optionsFor(provider, t.testdir({}));
  await t.rejects(joinSite(options), {
    code: 'PROVIDER_UNTRUSTED',
    message: /not for this host.*--public-address.*nothing was sent/,
  });
});

void t.test(
  'a certificate from another time is told apart, for the clock may be wrong',
  async (t) => {
    const dayMs = 86_400_000;
    const past = await withProvider(t, { issuedAtMs: () => Date.now() - 40 * dayMs });
    await t.rejects(joinSite(optionsFor(past, t.testdir({}))), {
      code: 'PROVIDER_UNTRUSTED',
      message: /expired; check the clock/,
    });
    const future = await withProvider(t, { issuedAtMs: () => Date.now() + 40 * dayMs });
    await t.rejects(joinSite(optionsFor(future, t.testdir({}))), {
      code: 'PROVIDER_UNTRUSTED',
      message: /not valid yet; check the clock/,
    });
  },
);

void t.test('a provider that is not there or speaks no TLS is told as such', async (t) => {
  const provider = await withProvider(t);
  const to = (port: number): JoinOptions =>
    optionsFor(provider, t.testdir({}), {
      addresses: parseProviderAddresses(`wss://127.0.0.1:${port}`),
    });
  const plain = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.resume();
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
  });
  plain.listen(0, '127.0.0.1');
  await once(plain, 'listening');
  const { port } = plain.address() as AddressInfo;
  await t.rejects(joinSite(to(port)), { code: 'PROVIDER_UNREACHABLE', message: /with TLS 1\.3/ });
  plain.close();
  await once(plain, 'close');
  await t.rejects(joinSite(to(port)), {
    code: 'PROVIDER_UNREACHABLE',
    message: /does not answer at wss:\/\/127\.0\.0\.1:\d+: .*connection refused/,
  });
});

void t.test('a second address is tried when the first does not answer', async (t) => {
  const provider = await withProvider(t);
  const addresses = parseProviderAddresses(`wss://127.0.0.1:1,${provider.url}`);
  const identity = await joinSite(optionsFor(provider, t.testdir({}), { addresses }));
  t.strictSame(identity.addresses, ['wss://127.0.0.1:1', provider.url]);
});

void t.test('a directory that cannot be used is noticed before the token is spent', async (t) => {
  const provider = await withProvider(t);
  const dir = join(t.testdir({ file: 'not a directory' }), 'file');
  await t.rejects(joinSite(optionsFor(provider, dir)), {
    code: 'STATE_DIR_UNUSABLE',
    message: /--state-dir/,
  });
  t.equal(provider.sites.get('shop')?.status, undefined);
});

void t.test('an interrupted join leaves nothing behind', async (t) => {
  const provider = await withProvider(t);
  const dir = t.testdir({});
  const options = optionsFor(provider, dir, { signal: AbortSignal.abort() });
  await t.rejects(joinSite(options), { code: 'ABORTED' });
  t.strictSame(await readdir(dir), []);
});

void t.test(
  'a device behind a proxy joins through it, and says so when the proxy refuses',
  async (t) => {
    const provider = await withProvider(t);
    const proxy = await startProxy(t);
    const environment = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` };
    await joinSite(optionsFor(provider, t.testdir({}), { environment }));
    t.strictSame(new Set(proxy.asked), new Set([`127.0.0.1:${provider.port}`]));
    proxy.refuses = true;
    const refused = joinSite(optionsFor(provider, t.testdir({}), { environment, force: true }));
    await t.rejects(refused, { code: 'PROVIDER_UNREACHABLE', message: /the proxy .* refused/ });
    const around = { ...environment, NO_PROXY: '127.0.0.1' };
    provider.sites.add('shop', 'secret');
    await joinSite(optionsFor(provider, t.testdir({}), { environment: around, force: true }));
  },
);

void t.test('a join whose answer got lost is asked again and costs no second token', async (t) => {
  const provider = await withProvider(t);
  const proxy = await startProxy(t);
  let writes = 0;
  provider.sites.afterWrite = (): void => {
    writes += 1;
    proxy.cut();
  };
  const environment = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` };
  const dir = t.testdir({});
  await joinSite(optionsFor(provider, dir, { environment }));
  t.match(await loadIdentity(dir), { site: 'shop' });
  t.equal(writes, 1);
  t.equal(proxy.asked.length, 4, 'two connections for each of two tries');
});

interface FakeProxy {
  port: number;
  /** Breaks all connections. */
  cut: () => void;
  asked: string[];
  refuses: boolean;
}

/** An HTTP proxy that connects to whatever it is asked for. */
async function startProxy(t: Test): Promise<FakeProxy> {
  const open = new Set<Duplex>();
  const cut = (): void => {
    for (const socket of open) socket.destroy();
  };
  const proxy: FakeProxy = { port: 0, asked: [], refuses: false, cut };
  const server = createHttpServer();
  server.on('connect', (request, socket) => {
    proxy.asked.push(request.url ?? '');
    socket.on('error', () => undefined);
    if (proxy.refuses) {
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      return;
    }
    open.add(socket);
    const [host, port] = (request.url ?? '').split(':');
    const target = connect({ host: host ?? '', port: Number(port) }, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      target.pipe(socket).pipe(target);
    });
    target.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  proxy.port = (server.address() as AddressInfo).port;
  return proxy;
}
