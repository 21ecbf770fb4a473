import type { ClientRequest } from 'node:http';
import { Agent } from 'node:https';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import {
  maxStrangersPerNode,
  strangerPatienceMs,
} from '../../../../src/provider/strangers/limits.ts';
import { ManualClock } from '../../tunnel/manual-clock.ts';
import { openStranger } from '../strangers/open-stranger.ts';
import { ApiFixture, execLines, readUntil } from './api-fixture.ts';

const inject = '%0d%0aX-Injected:%20yes%0d%0a%0d%0aHTTP/1.1%20200%20OK';

void t.test('line breaks in a path get into no header and no answer of their own', async (t) => {
  const fixture = await ApiFixture.start(t);
  for (const path of [
    `/containerLogs/shop/web${inject}/app`,
    `/containerLogs/shop/web/app${inject}`,
    `/containerLogs/shop/web/app?sinceTime=${inject}`,
    `/containerLogs/shop/web/app?stream=${inject}`,
    `/exec/shop/web/app${inject}?output=1&command=true`,
    `/exec/shop/web${inject}/app?output=1&command=true`,
    `/portForward/shop/web${inject}`,
    `/${inject}`,
  ]) {
    for (const upgrade of [[], ['Connection: Upgrade', 'Upgrade: SPDY/3.1']]) {
      const lines = [`GET ${path} HTTP/1.1`, 'Host: node', 'Connection: close', ...upgrade];
      const answer = await text(await fixture.raw(lines));
      const [head = ''] = answer.split('\r\n\r\n');
      t.match(head, /^HTTP\/1\.1 [45]\d\d /, path);
      t.notMatch(head, /x-injected/i);
      t.equal(answer.split('\r\nHTTP/1.1 ').length, 1, 'one answer');
    }
  }
  t.same(fixture.site.opened, [], 'and nothing of it gets to the site');
});

void t.test('a request that can be read in two ways is refused', async (t) => {
  const fixture = await ApiFixture.start(t);
  const [start = '', ...rest] = execLines();
  for (const lines of [
    [start, ...rest, 'X-Stream-Protocol-Version: v4\nX-Injected: yes'],
    [start, ...rest, 'X-Stream-Protocol-Version: v4\rX-Injected: yes'],
    [start, ...rest, 'X-Stream-Protocol-Version: v\u0000'],
    [start, ...rest, 'X-Stream-Protocol-Version : v4'],
    [start, ...rest, 'Transfer-Encoding: chunked'],
    [start, ...rest, 'Content-Length: 5'],
    ['POST /exec/shop/web/app?command=a b HTTP/1.1', ...rest],
  ]) {
    const answer = await text(await fixture.raw(lines));
    t.match(answer, /^HTTP\/1\.1 400 /, JSON.stringify(lines.at(-1)));
  }
  t.same(fixture.site.opened, []);
});

void t.test('a command is a list of words, whatever is in them', async (t) => {
  const fixture = await ApiFixture.start(t);
  const query = `output=1&command=sh&command=${inject}&command=%00..%2f..%2f`;
  const socket = await fixture.raw(execLines('POST', query));
  const { head } = await fixture.site.stream();
  if (head.type !== 'exec') throw new TypeError(head.type);
  t.same(head.command, ['sh', decodeURIComponent(inject), '\u0000../../']);
  for (const [name, value] of head.upgrade.headers) t.notMatch(name + value, /[\r\n\0]/);
  socket.destroy();
});

void t.test('what a site says of itself cannot answer for the provider', async (t) => {
  const fixture = await ApiFixture.start(t);
  const message = 'no\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\nowned';
  fixture.site.answer = { ok: false, status: 404, message };
  const upgrade = await text(await fixture.raw(execLines()));
  t.match(upgrade, `Content-Length: ${message.length}\r\n`);
  t.ok(upgrade.endsWith(`\r\n\r\n${message}`), 'it is the body, and nothing but that');
  const plain = await fixture.ask('/containerLogs/shop/web/app', fixture.admin);
  t.match(plain, { status: 404, body: message });
});

void t.test('a packed body is not unpacked', async (t) => {
  const fixture = await ApiFixture.start(t);
  const bomb = gzipSync(Buffer.alloc(50_000_000));
  const before = process.memoryUsage().arrayBuffers;
  const socket = await fixture.raw([
    ...['GET /pods HTTP/1.1', 'Host: node', 'Connection: close', 'Content-Encoding: gzip'],
    ...['Content-Type: application/json', `Content-Length: ${bomb.length}`],
  ]);
  socket.write(bomb);
  t.match(await text(socket), /^HTTP\/1\.1 200 /);
  t.ok(process.memoryUsage().arrayBuffers - before < 20_000_000);
});

void t.test('paths that lead elsewhere lead nowhere', async (t) => {
  const fixture = await ApiFixture.start(t);
  for (const path of [
    '/containerLogs/shop/..%2f..%2fetc/app',
    '/containerLogs/shop/web/..%2fapp',
    '/containerLogs/shop/web/app%2f..%2fapp',
    '/containerLogs/../pods',
    '/exec/..%2f../web/app?output=1&command=id',
    '/%2e%2e/%2e%2e/etc/passwd',
    '//pods',
  ]) {
    const { status } = await fixture.ask(path, fixture.admin);
    t.equal(status, 404, path);
  }
  t.same(fixture.site.opened, []);
});

void t.test('an encoded path needs the permission of what it leads to', async (t) => {
  const fixture = await ApiFixture.start(t);
  const reader = fixture.clientCa.issue({ commonNames: ['reader'] });
  fixture.reviews.allowed.add('reader get pods').add('reader get healthz').add('reader get stats');
  for (const path of [
    '/%65xec/shop/web/app?output=1&command=id',
    '/pods/..%2fexec/shop/web/app?output=1&command=id',
    '/stats/%2e%2e/exec/shop/web/app?output=1&command=id',
    '/healthz/../exec/shop/web/app?output=1&command=id',
    '/pods/../containerLogs/shop/web/app',
  ]) {
    const [, ...rest] = execLines('GET');
    const socket = await fixture.raw(
      [`GET ${path} HTTP/1.1`, ...rest, 'Connection: close'],
      reader,
    );
    t.match(await readUntil(socket, '\r\n\r\n'), /^HTTP\/1\.1 (403|404) /, path);
    socket.destroy();
  }
  t.same(fixture.site.opened, [], 'no byte has reached the site');
});

void t.test('strangers leave room at a node for whoever is known', async (t) => {
  const clock = new ManualClock();
  const fixture = await ApiFixture.start(t, { clock });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => {
    agent.destroy();
  });
  const known = { ...fixture.admin, agent };
  t.match(await fixture.ask('/pods', known), { status: 200 });
  clock.jump(strangerPatienceMs);
  const flood = Array.from({ length: maxStrangersPerNode + 10 }, () =>
    openStranger(t, fixture.port),
  );
  const sockets = await Promise.all(flood);
  const response = await fixture.begin('/pods', known);
  t.equal(response.statusCode, 200);
  t.ok((response as { req?: ClientRequest }).req?.reusedSocket, 'one that is known stays');
  response.resume();
  const others = { ...fixture.admin, localAddress: '127.0.0.2' };
  t.match(await fixture.ask('/pods', others), { status: 200 }, 'and another comes in');
  const alive = sockets.filter(({ destroyed }) => !destroyed).length;
  t.equal(alive, maxStrangersPerNode - 1, 'for whom one of them has gone');
});
