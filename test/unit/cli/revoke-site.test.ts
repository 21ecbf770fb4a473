import t from 'tap';
import type { Site } from '../../../src/kube/site.ts';
import { apiFake } from './api-fake.ts';

const path = '/apis/towline.dev/v1alpha1/namespaces/acme/sites/shop';
const key = `sha256:${'a'.repeat(64)}`;

function site(fields: Partial<Site>): Record<string, Site> {
  return { [path]: { metadata: { namespace: 'acme', name: 'shop' }, ...fields } };
}

void t.test('the key that joined is shut out, and the open token withdrawn', async (t) => {
  const api = await apiFake(t, site({ status: { publicKeyHash: key } }));
  t.match(await api.cli('site', 'revoke', 'shop', '-n', 'acme'), {
    code: 0,
    stdout:
      /^site acme\/shop is revoked: .*\nWhat stays: .*\nTo bring .* towlinectl site token shop -n acme/,
  });
  t.same(api.changes, [
    { request: `PATCH ${path}`, body: { spec: { join: null, revokedKey: key } } },
  ]);
});

void t.test('a site that nobody joined only loses its token', async (t) => {
  const api = await apiFake(t, site({}));
  t.match(await api.cli('site', 'revoke', 'shop', '-n', 'acme'), {
    stdout: /token is withdrawn; no device has joined/,
  });
  t.same(api.changes[0]?.body, { spec: { join: null } });
});

void t.test('every key can be shut out, until it is undone or a token made', async (t) => {
  const provider = ['--provider-address', 'wss://p.example', '--ca-hash', key];
  const api = await apiFake(t, site({ spec: { revokedKey: '*' } }));
  await api.cli('site', 'revoke', 'shop', '-n', 'acme', '--every-key');
  await api.cli('site', 'revoke', 'shop', '-n', 'acme', '--undo');
  t.equal((await api.cli('site', 'token', 'shop', '-n', 'acme', ...provider)).code, 0);
  t.match(
    api.changes.map(({ body }) => body),
    [
      { spec: { join: null, revokedKey: '*' } },
      { spec: { revokedKey: null } },
      { spec: { join: { tokenHash: /^sha256:/ }, revokedKey: null } },
    ],
  );
});

void t.test('a new token leaves the old key shut out', async (t) => {
  const provider = ['--provider-address', 'wss://p.example', '--ca-hash', key];
  const api = await apiFake(t, site({ spec: { revokedKey: key } }));
  await api.cli('site', 'token', 'shop', '-n', 'acme', ...provider);
  t.notOk('revokedKey' in ((api.changes[0]?.body as Site).spec ?? {}));
});
