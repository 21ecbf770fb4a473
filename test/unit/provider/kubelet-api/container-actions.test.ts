import t from 'tap';
import { ApiFixture } from './api-fixture.ts';

void t.test('/run and /checkpoint are the site’s to do, by POST', async (t) => {
  const api = await ApiFixture.start(t);
  const post = { ...api.admin, method: 'POST' };
  const where = { namespace: 'shop', pod: 'web', podUid: 'uid-1', container: 'app' };
  t.match(await api.ask('/run/shop/web/app?cmd=ls%20-l%20/tmp', post), {
    ...{ status: 200, body: 'done' },
    headers: { 'content-type': 'application/json' },
  });
  t.same(api.site.opened.at(-1)?.head, {
    ...{ type: 'run', ...where },
    command: ['ls', '-l', '/tmp'],
  });
  t.match(await api.ask('/run/shop/web/uid-1/app?cmd=ls', post), { status: 200 });
  t.match(await api.ask('/checkpoint/shop/web/app?timeout=1&timeout=20', post), { status: 200 });
  t.same(api.site.opened.at(-1)?.head, { type: 'checkpoint', ...where, timeoutSeconds: 20 });

  const opened = api.site.opened.length;
  for (const [path, status, body] of [
    ['/run/shop/none/app?cmd=ls', 404, 'pod does not exist'],
    ['/run/shop/web/other-uid/app?cmd=ls', 404, 'pod not found'],
    ['/run/shop/web/none?cmd=ls', 500, 'container not found ("none")'],
    [`/run/shop/web/app?cmd=${'a%20'.repeat(5000)}`, 414, 'the command is too long'],
    ['/checkpoint/shop/none/app', 404, 'pod does not exist'],
    ['/checkpoint/shop/web/none', 404, 'container none does not exist'],
    ['/checkpoint/shop/web/app?timeout=soon', 404, 'cannot parse value of timeout parameter'],
  ] as const) {
    t.match(await api.ask(path, post), { status, body }, path.slice(0, 60));
  }
  for (const path of ['/run/shop/web/app?cmd=ls', '/checkpoint/shop/web/app']) {
    t.match(await api.ask(path, api.admin), { status: 405, body: '405: Method Not Allowed' });
  }
  t.equal(api.site.opened.length, opened, 'none of them has reached the site');

  const message = "command 'ls' exited with 2: no";
  api.site.answer = { ok: false, status: 500, message };
  t.match(await api.ask('/run/shop/web/app?cmd=ls', post), { status: 500, body: message });
});
