import t from 'tap';
import type { ConfigMap } from '../../../src/kube/api.ts';
import type { Site } from '../../../src/kube/site.ts';
import { apiFake } from './api-fake.ts';

const infoPath = '/api/v1/namespaces/towline-system/configmaps/towline-provider';
const sitesPath = '/apis/towline.dev/v1alpha1/sites';
const old = `sha256:${'a'.repeat(64)}`;
const next = `sha256:${'b'.repeat(64)}`;

function info(data: Record<string, string>): ConfigMap {
  return { metadata: { name: 'towline-provider' }, data };
}

function site(name: string, status: Site['status'], spec: Site['spec'] = {}): Site {
  return { metadata: { namespace: 'acme', name }, spec, status: status ?? {} };
}

const behind = site('behind', { publicKeyHash: 'sha256:k', caHash: old });
const ahead = site('ahead', { publicKeyHash: 'sha256:k', caHash: next });
const invited = site('invited', {}, { join: { tokenHash: 'sha256:t', expiresAt: '2026-01-01' } });

void t.test('a roll is asked for, and told once the provider has begun it', async (t) => {
  const stored = info({ caHash: old });
  const api = await apiFake(t, { [infoPath]: stored });
  const done = api.cli('ca', 'rotate');
  while (api.changes.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  t.match(api.changes, [
    {
      request: `PATCH ${infoPath}`,
      body: { metadata: { annotations: { 'towline.dev/ca-request': /^rotate 1970-01-01T00/ } } },
    },
  ]);
  stored.data = { caHash: old, nextCaHash: next };
  t.match(await done, { code: 0, stdout: new RegExp(`has a new CA: ${next}\n`) });
  t.match(await api.cli('ca', 'rotate'), { code: 1, stderr: /is being rolled already/ });
  t.equal(api.changes.length, 1);
});

void t.test('the status names the sites that hold a roll up', async (t) => {
  const objects = {
    [infoPath]: info({ caHash: old, nextCaHash: next }),
    [sitesPath]: { items: [behind, ahead, invited] },
  };
  const api = await apiFake(t, objects);
  const { stdout } = await api.cli('ca', 'status');
  t.equal(
    stdout,
    [
      `CA:    ${old}`,
      `next:  ${next}`,
      'sites that still need the first: 2',
      '  acme/behind: its device has not had the next one yet',
      '  acme/invited: a join line for it can still be used',
      '',
    ].join('\n'),
  );
});

void t.test('a CA that is needed is retired by force only', async (t) => {
  const stored = info({ caHash: old, nextCaHash: next });
  const api = await apiFake(t, { [infoPath]: stored, [sitesPath]: { items: [behind, ahead] } });
  t.match(await api.cli('ca', 'retire'), { code: 1, stderr: /still needed by acme\/behind: wait/ });
  t.same(api.changes, []);
  const done = api.cli('ca', 'retire', '--force');
  while (api.changes.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  t.match(api.changes[0]?.body, {
    metadata: { annotations: { 'towline.dev/ca-request': /^force-retire / } },
  });
  stored.data = { caHash: next };
  t.match(await done, { code: 0, stdout: new RegExp(`${next} is the only CA now`) });
  t.match(await api.cli('ca', 'retire'), { code: 1, stderr: /there is no CA to retire/ });
});

void t.test('the provider is told that nothing is forced', async (t) => {
  const stored = info({ caHash: old, nextCaHash: next });
  const api = await apiFake(t, { [infoPath]: stored, [sitesPath]: { items: [ahead] } });
  const done = api.cli('ca', 'retire');
  while (api.changes.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  t.match(api.changes[0]?.body, {
    metadata: { annotations: { 'towline.dev/ca-request': /^retire / } },
  });
  stored.data = { caHash: next };
  t.match(await done, { code: 0 });
});
