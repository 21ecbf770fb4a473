import type { IncomingMessage } from 'node:http';
import t from 'tap';
import { probeByHttp } from '../../../../src/edge-runner/probes/http-handler.ts';
import type { ProbeOutcome } from '../../../../src/edge-runner/probes/probe-outcome.ts';
import type { HttpGetAction, HttpHeader } from '../../../../src/kube/probe.ts';
import {
  localTarget,
  serveHttp,
  serveHttps,
  serveSilence,
  unaborted,
  unusedPort,
} from './targets.ts';

function probe(action: HttpGetAction, timeoutMs = 5_000): Promise<ProbeOutcome> {
  return probeByHttp(action, localTarget, { timeoutMs, signal: unaborted });
}

void t.test('statuses', async (t) => {
  const port = await serveHttp(t, (request, response) => {
    response.writeHead(Number(request.url?.slice(1))).end('body');
  });
  for (const status of [200, 204, 299]) {
    t.match(await probe({ port, path: `/${status}` }), { result: 'success' }, String(status));
  }
  for (const status of [300, 304, 399]) {
    t.match(await probe({ port, path: `/${status}` }), { result: 'warning' }, String(status));
  }
  for (const status of [400, 404, 500, 503]) {
    t.same(await probe({ port, path: `/${status}` }), {
      result: 'failure',
      output: `HTTP probe failed with statuscode: ${status}`,
    });
  }
});

void t.test('what a kubelet sends', async (t) => {
  const seen: IncomingMessage[] = [];
  const port = await serveHttp(t, (request, response) => {
    seen.push(request);
    response.end();
  });
  await probe({ port });
  t.match(seen[0], { method: 'GET', url: '/', httpVersion: '1.1' });
  t.same(seen[0]?.headers, {
    ...{ host: `127.0.0.1:${port}`, 'user-agent': 'kube-probe/1.36', accept: '*/*' },
    connection: 'close',
  });
  const httpHeaders = [
    { name: 'host', value: 'shop.example' },
    { name: 'X-Two', value: '1' },
    { name: 'x-two', value: 'ü' },
    { name: 'User-Agent', value: 'mine' },
    { name: 'Accept', value: '' },
    { name: 'Content-Length', value: '7' },
  ];
  await probe({ port, path: 'a b/ü?x=1&y=%20#z', httpHeaders });
  t.equal(seen[1]?.url, '/a%20b/%C3%BC?x=1&y=%20');
  t.same(seen[1]?.headersDistinct, {
    host: ['shop.example'],
    'x-two': ['1', Buffer.from('ü').toString('latin1')],
    'user-agent': ['mine'],
    connection: ['close'],
  });
  t.ok(seen[1]?.rawHeaders.includes('X-Two'));
  await probe({ port, httpHeaders: [{ name: 'User-Agent', value: '' }] });
  t.equal(seen[2]?.headers['user-agent'], undefined);
  await probe({ port, httpHeaders: [{ name: 'x-oNE-two', value: '1' }] });
  t.ok(seen[3]?.rawHeaders.includes('X-One-Two'), 'written as HTTP/1.1 likes it');
});

void t.test('host, and ports by name', async (t) => {
  const port = await serveHttp(t, (_, response) => response.end());
  const container = { name: 'web', ports: [{ name: 'http', containerPort: port }] };
  const named = (wanted: string, podIp: string): Promise<ProbeOutcome> =>
    probeByHttp(
      { port: wanted, host: '127.0.0.1' },
      { container, containerId: 'x', podIp },
      { timeoutMs: 5_000, signal: unaborted },
    );
  t.match(await named('http', '192.0.2.1'), { result: 'success' });
  t.match(await named(String(port), '192.0.2.1'), { result: 'success' });
  t.same(await named('https', '192.0.2.1'), {
    result: 'error',
    output: 'strconv.Atoi: parsing "https": invalid syntax',
  });
  t.same(await named('70000', '192.0.2.1'), {
    result: 'error',
    output: 'invalid port number: 70000',
  });
});

void t.test('certificates are not checked', async (t) => {
  const port = await serveHttps(t, (_, response) => response.end());
  t.match(await probe({ port, scheme: 'HTTPS' }), { result: 'success' });
  t.match(await probe({ port, scheme: 'HTTP' }), { result: 'failure' });
});

void t.test('HTTP where TLS is expected', async (t) => {
  const port = await serveHttp(t, (_, response) => response.end());
  t.same(await probe({ port, scheme: 'HTTPS' }), {
    result: 'failure',
    output: `Get "https://127.0.0.1:${port}/": tls: handshake failed; does the server speak TLS at this port?`,
  });
});

void t.test('redirects are followed on the same host only', async (t) => {
  const tlsPort = await serveHttps(t, (_, response) => response.end('safe'));
  const otherPort = await serveHttp(t, (_, response) => response.writeHead(500).end());
  const places: Partial<Record<string, string>> = {
    '/relative': '/ok',
    '/tls': `https://127.0.0.1:${tlsPort}/`,
    '/other-port': `http://127.0.0.1:${otherPort}/`,
    '/away': 'http://localhost:1/',
    '/nowhere': '',
    '/file': 'file:///etc/passwd',
    '/round': '/round',
  };
  const hosts: (string | undefined)[] = [];
  const port: number = await serveHttp(t, (request, response) => {
    hosts.push(request.headers.host);
    const path = request.url ?? '';
    const location = path === '/same' ? `http://127.0.0.1:${port}/ok` : places[path];
    if (location === undefined) response.end('arrived');
    else response.writeHead(302, location === '' ? {} : { location }).end('moved');
  });
  const get = (path: string, httpHeaders: HttpHeader[] = []): Promise<ProbeOutcome> =>
    probe({ port, path, httpHeaders });
  t.same(await get('/relative'), { result: 'success', output: 'arrived' });
  t.same(await get('/tls'), { result: 'success', output: 'safe' });
  t.match(await get('/other-port'), { result: 'failure', output: /statuscode: 500/ });
  for (const path of ['/away', '/nowhere', '/file']) {
    t.same(await get(path), {
      result: 'warning',
      output: 'Probe terminated redirects, Response body: moved',
    });
  }
  const host = [{ name: 'Host', value: 'shop.example' }];
  t.same(await get('/relative', host), { result: 'success', output: 'arrived' });
  t.equal(hosts.at(-1), 'shop.example', 'kept on the way');
  await get('/same', host);
  t.equal(hosts.at(-1), `127.0.0.1:${port}`, 'unless the answer names another');
  t.same(await get('/round'), {
    result: 'failure',
    output: `Get "http://127.0.0.1:${port}/round": stopped after 10 redirects`,
  });
});

void t.test('no connection, no answer, no end', async (t) => {
  const refused = await unusedPort();
  t.same(await probe({ port: refused, path: '/x' }), {
    result: 'failure',
    output: `Get "http://127.0.0.1:${refused}/x": dial tcp 127.0.0.1:${refused}: connect: connection refused`,
  });
  const silent = await serveSilence(t);
  t.same(await probe({ port: silent }, 50), {
    result: 'failure',
    output: `Get "http://127.0.0.1:${silent}/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
  });
  const hangsUp = await serveHttp(t, (request) => request.socket.destroy());
  t.same(await probe({ port: hangsUp }), {
    result: 'failure',
    output: `Get "http://127.0.0.1:${hangsUp}/": EOF`,
  });
  const endless = await serveHttp(t, (_, response) => response.write('beginning'));
  t.match(await probe({ port: endless }, 200), {
    result: 'error',
    output: /context deadline exceeded .*while reading body/,
  });
});

void t.test('a body is read no further than 10 KiB', async (t) => {
  const port = await serveHttp(t, (_, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write('x'.repeat(1024)));
    };
    response.on('drain', more);
    more();
  });
  const { result, output } = await probe({ port });
  t.equal(result, 'success');
  t.equal(output.length, 10 * 1024);
});

void t.test('a header that HTTP doesn’t allow is a failure', async (t) => {
  const port = await serveHttp(t, (_, response) => response.end());
  const httpHeaders = [{ name: 'X', value: 'a\r\nb: c' }];
  t.match(await probe({ port, httpHeaders }), { result: 'failure' });
});

void t.test('an answer that is not HTTP is a failure', async (t) => {
  const port = await serveHttp(t, (request) => request.socket.end('hello\r\n\r\n'));
  t.match(await probe({ port }), { result: 'failure' });
});

void t.test('a protocol switch is no success', async (t) => {
  const port = await serveHttp(t, (request) => {
    request.socket.end(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
    );
  });
  t.match(await probe({ port }), { result: 'failure', output: /statuscode: 101/ });
});
