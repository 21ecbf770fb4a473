import { randomBytes } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { ServerResponse, IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { nodeDisconnected } from '../../../../src/provider/kubelet-api/kubelet-api-error.ts';
import {
  sendNodeBody,
  statsEndpoints,
} from '../../../../src/provider/kubelet-api/node-endpoints.ts';
import { ApiFixture } from './api-fixture.ts';

void t.test('every read-only endpoint is asked of the site and passed on', async (t) => {
  const api = await ApiFixture.start(t);
  for (const [path, type] of Object.entries(statsEndpoints)) {
    api.site.endpointBody = gzipSync(`what ${path} says`);
    const answer = await api.ask(path, api.admin);
    t.match(answer, { status: 200, body: `what ${path} says`, headers: { 'content-type': type } });
    t.same(api.site.opened.at(-1)?.head, { type: 'stats', path, onlyCpuAndMemory: false });
    t.equal(api.site.opened.at(-1)?.streamClass, 'bulk');
  }
  await api.ask('/stats/summary?only_cpu_and_memory=true', api.admin);
  t.match(api.site.opened.at(-1)?.head, { path: '/stats/summary', onlyCpuAndMemory: true });
  await api.ask('/healthz/syncloop', api.admin);
  t.match(api.site.opened.at(-1)?.head, { path: '/healthz' });
});

void t.test('/logs/ names a file of the device', async (t) => {
  const api = await ApiFixture.start(t);
  const redirect = await api.ask('/logs', api.admin);
  t.match(redirect, { status: 301, headers: { location: 'logs/' } });
  t.match(await api.ask('/logs/', api.admin), { headers: { 'content-type': /^text\/html/ } });
  t.same(api.site.opened.at(-1)?.head, { type: 'host-log', path: '' });
  t.match(await api.ask('/logs/apt/a%20b', api.admin), {
    headers: { 'content-type': /^text\/plain/ },
  });
  t.same(api.site.opened.at(-1)?.head, { type: 'host-log', path: 'apt/a b' });
  api.site.answer = { ok: false, status: 404, message: '404 page not found' };
  t.match(await api.ask('/logs/nope', api.admin), { status: 404, body: '404 page not found' });
});

void t.test(
  'a site that is away is a clear error, and its pods are known all the same',
  async (t) => {
    const api = await ApiFixture.start(t);
    api.site.failure = nodeDisconnected('berlin.shop');
    for (const path of [...Object.keys(statsEndpoints), '/logs/syslog']) {
      t.match(await api.ask(path, api.admin), {
        status: 502,
        body: /site of node "berlin.shop" has not been connected yet/,
      });
    }
    t.match(JSON.parse((await api.ask('/pods', api.admin)).body), {
      kind: 'PodList',
      items: [{ metadata: { name: 'web' } }],
    });
  },
);

void t.test('an answer that is no gzip, or not whole, is broken off', async (t) => {
  const api = await ApiFixture.start(t);
  const whole = gzipSync(randomBytes(100_000));
  for (const body of [Buffer.from('plain'), whole.subarray(0, 50_000)]) {
    api.site.endpointBody = body;
    await t.rejects(api.ask('/metrics', api.admin), body.toString('latin1', 0, 5));
  }
});

void t.test('no more than the limit is unpacked', async (t) => {
  const body = new PassThrough();
  body.end(gzipSync(Buffer.alloc(1_000_000)));
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  const reasons: unknown[] = [];
  await sendNodeBody(body, response, {
    ...{ contentType: 'text/plain', maxBytes: 10_000 },
    log: { debug: () => undefined, warn: (...told: unknown[]) => reasons.push(told) },
  });
  t.match(reasons, [[{ err: { code: 'NODE_ANSWER_INVALID' } }, /broke off/]]);
  t.ok(response.destroyed);
  t.ok(body.destroyed);
});
