import t from 'tap';
import { imageCredentials } from '../../../../src/edge-runner/pod/image-credentials.ts';
import type { Secret } from '../../../../src/kube/api.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function dockerConfig(auths: object): Secret {
  const data = { '.dockerconfigjson': base64(JSON.stringify({ auths })) };
  return { metadata: { name: 'key' }, data };
}

const user = (name: string): object => ({ auth: base64(`${name}:pass:word`) });

function users(image: string, auths: Record<string, object>): string[] {
  return imageCredentials(image, [dockerConfig(auths)]).map(({ auth }) => auth.username);
}

void t.test('the most specific registry comes first; tag and digest do not matter', (t) => {
  const auths = {
    'registry.test:5000': user('host'),
    'registry.test:5000/team/app': user('app'),
    'registry.test:5000/team': user('team'),
    'registry.test': user('other port'),
    'registry.test:5000/tea': user('other name'),
  };
  t.same(users('registry.test:5000/team/app:1', auths), ['app', 'team', 'host']);
  t.same(users('registry.test:5000/team/app@sha256:0', auths), ['app', 'team', 'host']);
  t.end();
});

void t.test('Docker Hub has many names', (t) => {
  for (const name of ['https://index.docker.io/v1/', 'docker.io', 'index.docker.io']) {
    t.same(users('busybox:1', { [name]: user('hub') }), ['hub'], name);
  }
  t.end();
});

void t.test('a star stands for one part of a host', (t) => {
  t.same(users('eu.registry.test/x', { '*.registry.test': user('any') }), ['any']);
  t.same(users('a.eu.registry.test/x', { '*.registry.test': user('any') }), []);
  t.end();
});

void t.test('user and password come from auth or from their own fields', (t) => {
  const [own] = imageCredentials('r.test/x', [
    dockerConfig({ 'r.test': { username: 'u', password: 'p' } }),
  ]);
  t.match(own, { auth: { username: 'u', password: 'p' } });
  const [auth] = imageCredentials('r.test/x', [dockerConfig({ 'r.test': user('u') })]);
  t.match(auth, { auth: { username: 'u', password: 'pass:word' } });
  t.end();
});

void t.test('the older form is read, and what cannot be read is passed over', (t) => {
  const old = {
    metadata: { name: 'old' },
    data: { '.dockercfg': base64('{"r.test":{"auth":"dTpw"}}') },
  };
  const broken = { metadata: { name: 'broken' }, data: { '.dockerconfigjson': base64('{') } };
  const odd = dockerConfig({ 'r.test': 'text' });
  t.match(imageCredentials('r.test/x', [broken, odd, old]), [
    { auth: { username: 'u', password: 'p' }, secret: { name: 'old' } },
  ]);
  t.end();
});
