import t from 'tap';
import type { ConfigMap } from '../../../src/kube/api.ts';
import { parseRunOptions } from '../../../src/edge-runner/run/run-options.ts';
import { apiFake, type ApiFake } from './api-fake.ts';

const infoPath = '/api/v1/namespaces/towline-system/configmaps/towline-provider';
const sitesPath = '/apis/towline.dev/v1alpha1/namespaces/acme/sites';
const address = 'wss://p.example:8443';
const caHash = `sha256:${'a'.repeat(64)}`;
const spiffeId = 'spiffe://example.org/towline';
const siteId = 'spiffe://example.org/tenant/acme/site/shop';

function fake(t: Parameters<typeof apiFake>[0], data: Record<string, string>): Promise<ApiFake> {
  const info: ConfigMap = { metadata: { name: 'towline-provider' }, data };
  const site = { metadata: { namespace: 'acme', name: 'shop' } };
  return apiFake(t, { [infoPath]: info, [sitesPath]: site, [`${sitesPath}/shop`]: site });
}

void t.test(
  'where a SPIFFE authority says who is who, a site has a line without a join',
  async (t) => {
    const api = await fake(t, { address, caHash, spiffeId });
    const { code, stdout, stderr } = await api.cli('site', 'create', 'shop', '-n', 'acme');
    t.equal(code, 0, stderr);
    t.match(stderr, `No device joins here: run this on the one with the SVID ${siteId}:\n`);
    const [, , ...flags] = stdout.trim().split(' ');
    t.match(parseRunOptions(flags), { svid: { addresses: [address], providerId: spiffeId } });
    t.notOk('join' in (api.changes[0]?.body as { spec: object }).spec, 'and no token');
  },
);

void t.test('there are no tokens then, and what to do is said', async (t) => {
  const api = await fake(t, { address, caHash, spiffeId });
  const { code, stdout, stderr } = await api.cli('site', 'token', 'shop', '-n', 'acme');
  t.same({ code, stdout }, { code: 1, stdout: '' });
  t.match(stderr, /^towlinectl: no device joins here.*--undo\n$/);
  t.match(stderr, siteId);
  t.same(api.changes, []);
});

void t.test('with the own CA a site has a join line and its token', async (t) => {
  const api = await fake(t, { address, caHash });
  const { stdout } = await api.cli('site', 'create', 'shop', '-n', 'acme');
  t.match(stdout, `towline-runner join ${address} --site acme/shop --token `);
  t.match(api.changes[0]?.body, { spec: { join: { tokenHash: /^sha256:/ } } });
});
