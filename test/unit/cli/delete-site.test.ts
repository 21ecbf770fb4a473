import t from 'tap';
import { siteFinalizer, type Site } from '../../../src/kube/site.ts';
import { apiFake } from './api-fake.ts';

const path = '/apis/towline.dev/v1alpha1/namespaces/acme/sites/shop';
const pods = { items: [{ metadata: { namespace: 'acme', name: 'web' } }] };

function held(connected: 'True' | 'False'): Record<string, Site | typeof pods> {
  return {
    [path]: {
      metadata: { namespace: 'acme', name: 'shop', finalizers: ['x', siteFinalizer] },
      status: { nodeName: 'shop.acme', conditions: [{ type: 'Connected', status: connected }] },
    },
    '/api/v1/pods': pods,
  };
}

void t.test('a site that nothing holds is gone at once', async (t) => {
  const api = await apiFake(t, { [path]: { metadata: { namespace: 'acme', name: 'shop' } } });
  const said = await api.cli('site', 'delete', 'shop', '-n', 'acme');
  t.match(said, { code: 0, stdout: 'site acme/shop deleted\n' });
});

void t.test('it says what a held site waits for', async (t) => {
  const connected = await apiFake(t, held('True'));
  t.match(await connected.cli('site', 'delete', 'shop', '-n', 'acme'), {
    stdout: /stops the pods/,
  });
  const away = await apiFake(t, held('False'));
  t.match(await away.cli('site', 'delete', 'shop', '-n', 'acme'), {
    stdout: /is not connected: .*--force deletes it now/,
  });
  t.equal(away.changes.length, 1);
});

void t.test('by force it goes, and what stays behind is said', async (t) => {
  const api = await apiFake(t, held('False'));
  t.match(await api.cli('site', 'delete', 'shop', '-n', 'acme', '--force'), {
    code: 0,
    stdout: /deleted; .*\nWhat stays on the device.*\nIts pods: acme\/web\n/,
  });
  t.same(api.changes.at(-1), {
    request: `PATCH ${path}`,
    body: { metadata: { finalizers: ['x'] } },
  });
});
