import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { text } from 'node:stream/consumers';
import tls, { type SecureVersion } from 'node:tls';
import t from 'tap';
import { nodeDisconnected } from '../../../../src/provider/kubelet-api/kubelet-api-error.ts';
import { TunnelError } from '../../../../src/tunnel/errors.ts';
import { ApiFixture, execLines, readUntil } from './api-fixture.ts';
import { TestCa } from './test-pki.ts';

const switching = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\n\r\n';

void t.test('who shows a certificate of the client CA is its subject', async (t) => {
  const api = await ApiFixture.start(t);
  const answer = await api.ask('/healthz', api.admin);
  t.match(answer, { status: 200, body: 'ok' });
  t.match(api.reviews.seen, [
    {
      kind: 'SubjectAccessReview',
      spec: {
        user: 'admin',
        groups: ['system:masters', 'system:authenticated'],
        resourceAttributes: {
          version: 'v1',
          resource: 'nodes',
          name: 'berlin.shop',
          verb: 'get',
          subresource: 'healthz',
        },
      },
    },
  ]);
});

void t.test('strangers are let in nowhere', async (t) => {
  const api = await ApiFixture.start(t);
  const other = new TestCa('client-ca');
  const dayMs = 86_400_000;
  const strangers = {
    'nothing at all': {},
    'a certificate of another CA of the same name': other.issue({ commonNames: ['admin'] }),
    'a certificate for servers': api.clientCa.issue({ commonNames: ['admin'], usage: 'server' }),
    'a certificate that a client signed': api.clientCa.issueBy(
      { commonNames: ['admin'] },
      { commonNames: ['admin'] },
    ),
    'a certificate that has expired': api.clientCa.issue({
      commonNames: ['admin'],
      notBefore: new Date(Date.now() - 2 * dayMs),
      notAfter: new Date(Date.now() - dayMs),
    }),
    'a certificate without a common name': api.clientCa.issue({
      organizations: ['system:masters'],
    }),
    'a token that nobody knows': { headers: { authorization: 'Bearer nobody' } },
    'basic authentication': { headers: { authorization: 'Basic YWRtaW46YWRtaW4=' } },
    'an empty token': { headers: { authorization: 'Bearer ' } },
  };
  for (const [what, options] of Object.entries(strangers)) {
    for (const path of ['/healthz', '/pods', '/containerLogs/shop/web/app', '/nowhere']) {
      t.match(
        await api.ask(path, options),
        { status: 401, body: 'Unauthorized' },
        `${what} ${path}`,
      );
    }
  }
  t.notOk(api.reviews.seen.some(({ kind }) => kind === 'SubjectAccessReview'));
  t.same(api.site.opened, []);
});

void t.test('without a client CA no certificate counts, and none of the public ones', async (t) => {
  const api = await ApiFixture.start(t);
  api.trusted = [];
  t.equal((await api.ask('/healthz', api.admin)).status, 401);
});

void t.test(
  'a client CA is replaced while serving; open connections lose their user',
  async (t) => {
    const api = await ApiFixture.start(t);
    const keptAlive = await api.raw(['GET /healthz HTTP/1.1', 'Host: node']);
    await readUntil(keptAlive, 'ok');
    const next = new TestCa('next-ca');
    api.trusted = [next.cert];
    t.equal((await api.ask('/healthz', next.issue({ commonNames: ['admin'] }))).status, 200);
    t.equal((await api.ask('/healthz', api.admin)).status, 401);
    keptAlive.write('GET /healthz HTTP/1.1\r\nHost: node\r\n\r\n');
    t.match(await readUntil(keptAlive, 'Unauthorized'), /401/);
    keptAlive.destroy();
  },
);

void t.test('the serving certificate is replaced while serving', async (t) => {
  const api = await ApiFixture.start(t);
  const next = new TestCa('next-server-ca');
  api.serving = next.issue({ commonNames: ['kubelet'], usage: 'server' });
  t.equal((await api.ask('/healthz', { ...api.admin, ca: next.cert })).status, 200);
});

void t.test('a bearer token is reviewed once for two minutes', async (t) => {
  const api = await ApiFixture.start(t);
  api.reviews.users['good'] = { username: 'admin', groups: ['g'] };
  const headers = { authorization: 'Bearer good' };
  t.equal((await api.ask('/healthz', { headers })).status, 200);
  t.equal((await api.ask('/healthz', { headers })).status, 200);
  t.same(
    api.reviews.seen.map(({ kind }) => kind),
    ['TokenReview', 'SubjectAccessReview'],
  );
});

void t.test('an API server that gives no answer lets nobody in', async (t) => {
  const api = await ApiFixture.start(t);
  api.reviews.failure = new TypeError('no route to 10.1.2.3');
  const byToken = await api.ask('/healthz', { headers: { authorization: 'Bearer x' } });
  t.match(byToken, { status: 401, body: 'Unauthorized' });
  t.match(await api.ask('/healthz', api.admin), {
    status: 500,
    body: 'Authorization error (user=admin, verb=get, resource=nodes, subresource=healthz)',
  });
});

void t.test('what a user may not do is refused with the words of a kubelet', async (t) => {
  const api = await ApiFixture.start(t);
  const reader = api.clientCa.issue({ commonNames: ['reader'] });
  t.match(await api.ask('/pods', reader), {
    status: 403,
    body: 'Forbidden (user=reader, verb=get, resource=nodes, subresource(s)=[pods proxy])\n',
  });
  t.match(await api.ask('/metrics/cadvisor', reader), { status: 403, body: /\[metrics\]/ });
});

void t.test('a fine-grained right is enough, and is no other right', async (t) => {
  const api = await ApiFixture.start(t);
  const reader = api.clientCa.issue({ commonNames: ['reader'] });
  api.reviews.allowed.add('reader get pods');
  const answer = await api.ask('/pods', reader);
  t.equal(answer.status, 200);
  t.match(JSON.parse(answer.body), {
    kind: 'PodList',
    apiVersion: 'v1',
    items: [{ metadata: { name: 'web' } }],
  });
  t.equal((await api.ask('/healthz', reader)).status, 403);
  t.equal((await api.ask('/containerLogs/shop/web/app', reader)).status, 403);
});

void t.test(
  'whoever may read through nodes/proxy may not run a command, by no method',
  async (t) => {
    const api = await ApiFixture.start(t);
    const reader = api.clientCa.issue({ commonNames: ['reader'] });
    api.reviews.allowed.add('reader get proxy');
    const webSocket = ['Host: node', 'Connection: keep-alive, Upgrade', 'Upgrade: websocket'];
    const requests = [
      execLines('GET'),
      execLines('POST'),
      ['GET /exec/shop/web/app?command=id&output=1 HTTP/1.1', ...webSocket],
      ['GET /%65xec/shop/web/app?command=id&output=1 HTTP/1.1', ...webSocket],
      ['GET /attach/shop/web/app?output=1 HTTP/1.1', ...webSocket],
      ['GET /portForward/shop/web?port=80 HTTP/1.1', ...webSocket],
      ['GET /exec/shop/web/uid-1/app?command=id&output=1 HTTP/1.1', ...webSocket],
    ];
    for (const lines of requests) {
      const socket = await api.raw(lines, reader);
      socket.write('bytes that must not reach the site');
      t.match(await text(socket), /^HTTP\/1\.1 403 Forbidden\r\n/, lines[0] ?? '');
    }
    t.same(api.site.opened, [], 'nothing was opened');
  },
);

void t.test('an upgrade of a stranger relays nothing', async (t) => {
  const api = await ApiFixture.start(t);
  const socket = await api.raw(execLines(), {});
  socket.write('bytes that must not reach the site');
  t.match(await text(socket), /^HTTP\/1\.1 401 Unauthorized\r\n[^]*\r\n\r\nUnauthorized$/);
  t.same(api.site.opened, []);
});

void t.test('an exec is relayed byte for byte, both ways, with half-close', async (t) => {
  const api = await ApiFixture.start(t);
  const socket = await api.raw(execLines());
  socket.write('early bytes');
  const { site, head, streamClass, nodeName } = await api.site.reply({ ok: true });
  t.equal(nodeName, 'berlin.shop');
  t.equal(streamClass, 'bulk');
  t.same(head, {
    type: 'exec',
    namespace: 'shop',
    pod: 'web',
    podUid: 'uid-1',
    container: 'app',
    command: ['sh', '-c'],
    stdin: true,
    stdout: true,
    stderr: false,
    tty: false,
    upgrade: {
      method: 'POST',
      headers: [
        ['Connection', 'Upgrade'],
        ['Upgrade', 'SPDY/3.1'],
        ['X-Stream-Protocol-Version', 'v4.channel.k8s.io'],
        ['X-Stream-Protocol-Version', 'v3.channel.k8s.io'],
      ],
    },
  });
  site.write(switching);
  t.equal(await readUntil(socket, '\r\n\r\n'), switching);
  const binary = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  socket.end(binary);
  t.equal(await text(site.setEncoding('latin1')), `early bytes${binary.toString('latin1')}`);
  site.end(binary);
  t.equal(await text(socket.setEncoding('latin1')), binary.toString('latin1'));
});

void t.test(
  'a lot of bytes get through whole, and a slow reader holds the writer back',
  async (t) => {
    const api = await ApiFixture.start(t);
    const socket = await api.raw(execLines());
    const { site } = await api.site.reply({ ok: true });
    site.write(switching);
    await readUntil(socket, '\r\n\r\n');
    const chunk = Buffer.alloc(64 * 1024, 'x');
    let written = 0;
    while (written < 64 * 1024 * 1024 && site.write(chunk)) written += chunk.length;
    t.ok(site.writableNeedDrain, 'the site is told to wait');
    socket.resume();
    const total = 64;
    let received = 0;
    socket.on('data', (data: Buffer) => (received += data.length));
    for (let i = 0; i < total; i += 1) if (!site.write(chunk)) await once(site, 'drain');
    site.end();
    await once(socket, 'end');
    t.equal(received, written + (total + 1) * chunk.length);
    socket.end();
  },
);

void t.test('a client that breaks off resets the stream to the site', async (t) => {
  const api = await ApiFixture.start(t);
  const socket = await api.raw(execLines());
  const { site } = await api.site.reply({ ok: true });
  site.write(switching);
  await readUntil(socket, '\r\n\r\n');
  site.on('error', () => undefined);
  const closed = once(site, 'close');
  socket.destroy();
  await once(site.resume(), 'end');
  // The client's machine answers what still comes with a reset.
  const writing = setInterval(() => site.write('output that nobody reads'), 1);
  await closed;
  clearInterval(writing);
  t.ok(site.destroyed);
});

void t.test('a client that leaves while the site thinks gives the stream up', async (t) => {
  const api = await ApiFixture.start(t);
  const socket = await api.raw(execLines());
  const { site } = await api.site.stream();
  const closed = once(site, 'close');
  socket.destroy();
  await closed;
  t.ok(site.destroyed);
});

void t.test('a site that breaks off ends the connection of the client', async (t) => {
  const api = await ApiFixture.start(t);
  const socket = await api.raw(execLines());
  const { site } = await api.site.reply({ ok: true });
  site.write(switching);
  await readUntil(socket, '\r\n\r\n');
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  site.destroy(new Error('reset'));
  await once(socket.resume(), 'end').catch(() => undefined);
  socket.end();
  await closed;
  t.ok(socket.destroyed);
});

void t.test('a refusal of the site is a proper answer', async (t) => {
  const api = await ApiFixture.start(t);
  const socket = await api.raw(execLines());
  const message = 'no such\r\nX-Injected: header';
  const { site } = await api.site.reply({ ok: false, status: 404, message });
  const [head = '', body] = (await text(socket)).split('\r\n\r\n');
  t.match(head, /^HTTP\/1\.1 404 Not Found\r\n/);
  t.notMatch(head, /X-Injected/);
  t.equal(body, message);
  t.ok(site.destroyed);
});

void t.test('a status of the site that is no error becomes one', async (t) => {
  const api = await ApiFixture.start(t);
  for (const status of [200, 101, 302, 0.5, 9999]) {
    api.site.opened.length = 0;
    const socket = await api.raw(execLines());
    await api.site.reply({ ok: false, status, message: 'm' });
    t.match(await text(socket), /^HTTP\/1\.1 500 /, String(status));
  }
});

void t.test('a runtime that redirects is not passed on', async (t) => {
  const api = await ApiFixture.start(t);
  const answers = [
    'HTTP/1.1 302 Found\r\nLocation: https://other-node/\r\n\r\n',
    'HTTP/1.1 200 OK\r\n\r\n',
    'SSH-2.0-OpenSSH\r\n',
    'HT',
  ];
  for (const answer of answers) {
    api.site.opened.length = 0;
    const socket = await api.raw(execLines());
    const { site } = await api.site.reply({ ok: true });
    site.end(answer);
    t.match(await text(socket), /^HTTP\/1\.1 502 Bad Gateway\r\n/, answer);
  }
});

void t.test("a runtime's own error is passed on as it is", async (t) => {
  const api = await ApiFixture.start(t);
  const socket = await api.raw(execLines());
  const { site } = await api.site.reply({ ok: true });
  const answer = 'HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno';
  for (const byte of answer) site.write(byte);
  site.end();
  t.equal(await text(socket), answer);
  socket.end();
});

void t.test('an answer against the protocol, or none, is told as such', async (t) => {
  const api = await ApiFixture.start(t);
  const answers: [Buffer, RegExp][] = [
    [Buffer.from([0xff, 0xff, 0xff, 0xff]), /^HTTP\/1\.1 502 [^]*runner's version/],
    [Buffer.from([0, 0, 0, 2, 0x7b, 0x7d]), /^HTTP\/1\.1 502 [^]*runner's version/],
    [Buffer.alloc(0), /^HTTP\/1\.1 502 [^]*try again/],
  ];
  for (const [bytes, expected] of answers) {
    api.site.opened.length = 0;
    const socket = await api.raw(execLines());
    const { site } = await api.site.stream();
    site.end(bytes);
    t.match(await text(socket), expected);
  }
});

void t.test('a site that is away is told with since when and what to do', async (t) => {
  const api = await ApiFixture.start(t);
  api.site.failure = nodeDisconnected('berlin.shop', new Date('2026-01-02T03:04:05Z'));
  const body =
    /site of node "berlin\.shop" has been disconnected since 2026-01-02T03:04:05\.000Z.*Check the device/;
  t.match(await api.ask('/containerLogs/shop/web/app', api.admin), { status: 502, body });
  t.match(await text(await api.raw(execLines())), body);
  api.site.failure = new TunnelError('STREAM_RESET', 'reset');
  t.match(await api.ask('/containerLogs/shop/web/app', api.admin), { status: 502 });
});

void t.test('an inner error shows nothing of the inside', async (t) => {
  const api = await ApiFixture.start(t);
  api.site.failure = new TypeError('cannot read secret of /etc/towline');
  const expected = 'internal error of the provider; its log has the cause';
  t.match(await api.ask('/containerLogs/shop/web/app', api.admin), { status: 500, body: expected });
  t.match(await text(await api.raw(execLines())), new RegExp(`^HTTP/1.1 500 [^]*${expected}$`));
});

void t.test('exec without an upgrade is refused, after the other parameters', async (t) => {
  const api = await ApiFixture.start(t);
  const cases: [string, string, number, string | RegExp][] = [
    ['POST', '/exec/shop/web/app?output=1&command=id', 400, 'Upgrade request required'],
    ['GET', '/exec/shop/web/app?output=1&command=id', 400, 'Upgrade request required'],
    ['GET', '/exec/shop/web/app?command=id', 400, /specify at least 1 of stdin, stdout, stderr/],
    ['GET', '/exec/shop/web/app?output=1', 400, 'you must specify a command'],
    ['GET', '/exec/shop/none/app?output=1&command=id', 404, 'pod does not exist'],
    ['GET', '/exec/shop/web/uid-2/app?output=1&command=id', 404, 'pod not found'],
    ['GET', '/exec/shop/web/none?output=1&command=id', 500, 'container not found ("none")'],
    ['GET', '/attach/shop/web/app?output=1', 400, 'Upgrade request required'],
    ['GET', '/portForward/shop/web', 400, 'Upgrade request required'],
    ['GET', '/exec/shop/web', 404, '404: Page Not Found'],
    ['PUT', '/exec/shop/web/app', 404, '404: Page Not Found'],
    ['GET', '/exec/shop/%zz/app', 400, /escaped/],
  ];
  for (const [method, path, status, body] of cases) {
    t.match(await api.ask(path, { ...api.admin, method }), { status, body }, `${method} ${path}`);
  }
});

void t.test('a port-forward by WebSocket names its ports, and no token goes along', async (t) => {
  const api = await ApiFixture.start(t);
  const lines = (query: string): string[] => [
    `GET /portForward/shop/web?${query} HTTP/1.1`,
    'Host: node',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Key: a2V5',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Protocol: v4.channel.k8s.io, base64url.bearer.authorization.k8s.io.c2VjcmV0',
  ];
  const socket = await api.raw(lines('port=80&port=443,8080'));
  const { head, streamClass } = await api.site.stream();
  t.equal(streamClass, 'bulk');
  t.same(head, {
    type: 'port-forward',
    namespace: 'shop',
    pod: 'web',
    podUid: 'uid-1',
    ports: [80, 443, 8080],
    upgrade: {
      method: 'GET',
      headers: [
        ['Connection', 'Upgrade'],
        ['Upgrade', 'websocket'],
        ['Sec-WebSocket-Key', 'a2V5'],
        ['Sec-WebSocket-Version', '13'],
        ['Sec-WebSocket-Protocol', 'v4.channel.k8s.io'],
      ],
    },
  });
  socket.destroy();
  for (const [query, message] of [
    ['', 'query parameter "port" is required'],
    ['port=', 'query parameter "port" cannot be empty'],
    ['port=0', 'port "0" must be > 0'],
    ['port=65536', 'unable to parse "65536" as a port'],
    ['port=ssh', 'unable to parse "ssh" as a port'],
  ] as const) {
    const answer = await text(await api.raw(lines(query)));
    t.match(answer, /^HTTP\/1\.1 400 /);
    t.ok(answer.endsWith(message), message);
  }
});

void t.test('another protocol than the two is refused', async (t) => {
  const api = await ApiFixture.start(t);
  const lines = execLines().map((line) => line.replace('SPDY/3.1', 'h2c'));
  t.match(await text(await api.raw(lines)), /^HTTP\/1\.1 400 [^]*only SPDY\/3\.1 and websocket/);
});

void t.test('an offer to upgrade is passed over where there is nothing to upgrade', async (t) => {
  const api = await ApiFixture.start(t);
  const headers = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c' };
  t.match(await api.ask('/healthz', { ...api.admin, headers }), { status: 200, body: 'ok' });
});

void t.test('a command that no site would take is refused', async (t) => {
  const api = await ApiFixture.start(t);
  const long = execLines('POST', `output=1&command=${'x'.repeat(70_000)}`);
  t.match(await text(await api.raw(long)), /^HTTP\/1\.1 414 [^]*standard input/);
  const many = execLines('POST', `output=1${'&command=x'.repeat(5_000)}`);
  t.match(await text(await api.raw(many)), /^HTTP\/1\.1 400 [^]*more than 4096 words/);
});

void t.test('a log comes as it is written', async (t) => {
  const api = await ApiFixture.start(t);
  const answering = api.begin(
    '/containerLogs/shop/web/init?follow=true&tailLines=5&timestamps=1&sinceTime=2026-01-02T03:04:05Z&limitBytes=9',
    api.admin,
  );
  const { site, head } = await api.site.reply({ ok: true });
  t.same(head, {
    type: 'logs',
    namespace: 'shop',
    pod: 'web',
    podUid: 'uid-1',
    container: 'init',
    follow: true,
    previous: false,
    timestamps: true,
    tailLines: 5,
    sinceTime: '2026-01-02T03:04:05Z',
    limitBytes: 9,
  });
  const response = await answering;
  t.equal(response.statusCode, 200, 'the head comes before the first line');
  t.equal(response.headers['transfer-encoding'], 'chunked');
  for (const line of ['one\n', 'two\n']) {
    site.write(line);
    const [chunk] = (await once(response, 'data')) as [Buffer];
    t.equal(chunk.toString(), line);
  }
  site.end();
  await once(response, 'end');
});

void t.test('parameters of a log are checked as a kubelet checks them', async (t) => {
  const api = await ApiFixture.start(t);
  const cases: [string, number, string | RegExp][] = [
    ['web/app?tailLines=x', 400, '{"message": "Unable to decode query."}'],
    ['web/app?sinceTime=yesterday', 400, '{"message": "Unable to decode query."}'],
    ['web/app?tailLines=-1', 422, '{"message": "Invalid request."}'],
    ['web/app?limitBytes=0', 422, '{"message": "Invalid request."}'],
    ['web/app?sinceSeconds=0', 422, '{"message": "Invalid request."}'],
    ['web/app?sinceSeconds=1&sinceTime=2026-01-02T03:04:05Z', 422, /Invalid/],
    ['web/app?stream=Stdout', 400, /unable to return the given log stream: "Stdout"/],
    ['none/app', 404, 'pod "none" does not exist'],
    ['web/none', 404, 'container "none" not found in pod "web"'],
  ];
  for (const [path, status, body] of cases) {
    t.match(await api.ask(`/containerLogs/shop/${path}`, api.admin), { status, body }, path);
  }
  t.same(api.site.opened, []);
});

void t.test(
  'a log whose reader leaves is given up; one whose site leaves is not whole',
  async (t) => {
    const api = await ApiFixture.start(t);
    const path = '/containerLogs/shop/web/app?follow=1';
    const leaving = api.begin(path, api.admin);
    const first = await api.site.reply({ ok: true });
    const closed = once(first.site, 'close');
    (await leaving).destroy();
    await closed;
    api.site.opened.length = 0;
    const left = api.begin(path, api.admin);
    const second = await api.site.reply({ ok: true });
    const response = await left;
    second.site.destroy(new Error('reset'));
    await t.rejects(text(response), { code: 'ECONNRESET' });
  },
);

void t.test('every node has its port, and a port that is taken says so', async (t) => {
  const api = await ApiFixture.start(t);
  const second = await api.api.listen('paris.shop', 0);
  t.not(second, api.port);
  t.equal(await api.api.listen('paris.shop', 0), second, 'a node keeps its port');
  await api.ask('/healthz', { ...api.admin, port: second });
  t.equal(api.reviews.seen[0]?.spec.resourceAttributes?.name, 'paris.shop');
  await t.rejects(api.api.listen('rome.shop', second), {
    code: 'PORT_IN_USE',
    message: /127\.0\.0\.1:\d+ for node "rome\.shop"/,
  });
  const third = await api.api.listen('rome.shop', 0);
  t.not(third, second, 'the failed attempt left nothing behind');
});

void t.test('a node that is taken away loses its port and its connections', async (t) => {
  const api = await ApiFixture.start(t);
  const socket = await api.raw(execLines());
  const { site } = await api.site.reply({ ok: true });
  site.write(switching);
  await readUntil(socket, '\r\n\r\n');
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await api.api.unlisten('berlin.shop');
  socket.resume();
  socket.end();
  await closed;
  t.ok(site.destroyed);
  const refused = connectTcp(api.port, '127.0.0.1');
  await t.rejects(once(refused, 'connect'), { code: 'ECONNREFUSED' });
});

void t.test(
  'TLS below 1.2 is refused, by this listener and not by OpenSSL’s defaults',
  async (t) => {
    const { DEFAULT_CIPHERS } = tls;
    t.teardown(() => {
      tls.DEFAULT_CIPHERS = DEFAULT_CIPHERS;
    });
    const weak = 'DEFAULT@SECLEVEL=0';
    tls.DEFAULT_CIPHERS = weak;
    const api = await ApiFixture.start(t);
    const spoken = (version: SecureVersion): Promise<{ status: number | undefined }> =>
      api.ask('/healthz', {
        ...api.admin,
        minVersion: version,
        maxVersion: version,
        ciphers: weak,
      });
    const refused = { message: /alert protocol\s+version/ };
    await t.rejects(spoken('TLSv1'), refused);
    await t.rejects(spoken('TLSv1.1'), refused);
    t.match(await spoken('TLSv1.2'), { status: 200 });
    t.match(await spoken('TLSv1.3'), { status: 200 });
  },
);

void t.test('a runtime that does not answer an upgrade in time is told of as such', async (t) => {
  const fixture = await ApiFixture.start(t, { replyTimeoutMs: 50 });
  fixture.site.answer = { ok: true };
  const socket = await fixture.raw(execLines());
  const answer = await readUntil(socket, 'try again');
  t.match(answer, /^HTTP\/1\.1 502 [\s\S]*did not answer in time/);
  t.ok(fixture.site.opened[0]?.site.destroyed, 'the site is let go');
  socket.destroy();
});

void t.test('a link that breaks before the runtime answered is told of as such', async (t) => {
  const fixture = await ApiFixture.start(t);
  const socket = await fixture.raw(execLines());
  const { site } = await fixture.site.reply({ ok: true });
  site.destroy();
  t.match(await readUntil(socket, 'answer'), /^HTTP\/1\.1 502 /);
  socket.destroy();
});
