import t from 'tap';
import type { RuntimeClass, Service } from '../../../../src/kube/api.ts';
import { runtimeClassSource } from '../../../../src/provider/desired/named-sources.ts';
import { serviceLinks } from '../../../../src/provider/desired/service-links.ts';
import { maxServiceLinks } from '../../../../src/provider/limits.ts';
import { CacheFake } from './desired-fixture.ts';

function service(name: string, clusterIP = '10.0.0.1', namespace = 'shop'): Service {
  return {
    metadata: { name, namespace, uid: name, creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { clusterIP, ports: [{ port: 80, protocol: 'TCP' }] },
  };
}

function namesIn(known: unknown): string[] {
  const { object } = known as { object?: { object: { services: { name: string }[] } } };
  return (object?.object.services ?? []).map(({ name }) => name);
}

void t.test('the Services of a namespace that have an address, kept up to date', (t) => {
  const cache = new CacheFake<Service>();
  cache.set(service('web'));
  cache.set(service('elsewhere', '10.0.0.2', 'other'));
  cache.set(service('headless', 'None'));
  let changes = 0;
  const hold = serviceLinks(cache).hold('shop', 'services', () => (changes += 1));
  t.same(namesIn(hold.known), ['web']);
  cache.set({ ...service('web'), metadata: { ...service('web').metadata, labels: { a: 'b' } } });
  cache.set(service('third', '10.0.0.3', 'other'));
  t.equal(changes, 0, 'nothing that anybody reads has changed');
  cache.set(service('api'));
  t.same(namesIn(hold.known), ['api', 'web']);
  t.equal(changes, 1);
  for (const name of ['api', 'web']) cache.delete(service(name));
  t.same(hold.known, { kind: 'absent' });
  hold.release();
  cache.set(service('late'));
  t.equal(changes, 3);
  t.end();
});

void t.test('the API server’s Service alone', (t) => {
  const cache = new CacheFake<Service>();
  cache.set(service('kubernetes', '10.96.0.1', 'default'));
  cache.set(service('web', '10.96.0.2', 'default'));
  const hold = serviceLinks(cache).hold('default', 'kubernetes', () => undefined);
  t.same(namesIn(hold.known), ['kubernetes']);
  t.end();
});

void t.test('no more than a process can take', (t) => {
  const cache = new CacheFake<Service>();
  for (let i = 0; i < maxServiceLinks + 5; i += 1) cache.set(service(`s${i}`));
  const hold = serviceLinks(cache).hold('shop', 'services', () => undefined);
  t.equal(namesIn(hold.known).length, maxServiceLinks);
  t.end();
});

void t.test('a RuntimeClass comes with its handler, also late', (t) => {
  const cache = new CacheFake<RuntimeClass>();
  let changes = 0;
  const hold = runtimeClassSource(cache).hold('', 'sealed', () => (changes += 1));
  t.same(hold.known, { kind: 'absent' });
  cache.set({ metadata: { name: 'sealed', uid: 'u' }, handler: 'kata' });
  t.equal(changes, 1);
  t.match(hold.known, {
    kind: 'present',
    object: { kind: 'RuntimeClass', namespace: '', object: { handler: 'kata' } },
  });
  t.end();
});
