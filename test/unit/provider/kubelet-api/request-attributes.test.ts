import t from 'tap';
import { requestAttributes } from '../../../../src/provider/kubelet-api/request-attributes.ts';
import { parseTarget } from '../../../../src/provider/kubelet-api/request-target.ts';

void t.test('a path decides the subresources, a method the verb', (t) => {
  const cases: [string, string, string, string[]][] = [
    ['GET', '/stats/summary', 'get', ['stats']],
    ['GET', '/metrics', 'get', ['metrics']],
    ['GET', '/metrics/cadvisor', 'get', ['metrics']],
    ['GET', '/logs/', 'get', ['log']],
    ['GET', '/spec/', 'get', ['spec']],
    ['POST', '/checkpoint/ns/pod/app', 'create', ['checkpoint']],
    ['GET', '/pods', 'get', ['pods', 'proxy']],
    ['GET', '/runningpods/', 'get', ['pods', 'proxy']],
    ['GET', '/healthz', 'get', ['healthz', 'proxy']],
    ['GET', '/healthz/ping', 'get', ['healthz', 'proxy']],
    ['GET', '/configz', 'get', ['configz', 'proxy']],
    ['GET', '/containerLogs/ns/pod/app', 'get', ['proxy']],
    ['GET', '/', 'get', ['proxy']],
    ['GET', '/podsecrets', 'get', ['proxy']],
    ['GET', '/statsx', 'get', ['proxy']],
    ['PUT', '/debug/flags/v', 'update', ['proxy']],
    ['PATCH', '/x', 'patch', ['proxy']],
    ['DELETE', '/x', 'delete', ['proxy']],
  ];
  for (const [method, path, verb, subresources] of cases) {
    t.same(requestAttributes(method, path), { verb, subresources }, `${method} ${path}`);
  }
  t.end();
});

void t.test('what acts in a container needs create, whatever the method', (t) => {
  for (const path of [
    '/exec/ns/pod/app',
    '/attach/ns/pod/app',
    '/run/ns/pod/app',
    '/portForward/ns/pod',
    '/EXEC/ns/pod/app',
    '/portforward/ns/pod',
  ]) {
    for (const method of ['GET', 'POST', 'HEAD', 'OPTIONS']) {
      t.same(requestAttributes(method, path), { verb: 'create', subresources: ['proxy'] });
    }
  }
  t.end();
});

void t.test('a method without a verb has no attributes', (t) => {
  t.equal(requestAttributes('HEAD', '/pods'), undefined);
  t.equal(requestAttributes('OPTIONS', '/pods'), undefined);
  t.end();
});

void t.test('an escape that is none is refused, and a slash within a segment stays there', (t) => {
  for (const url of ['/exec/%zz', '/exec/%', '/exec/%c3%28']) {
    t.throws(() => parseTarget(url), { code: 'PARAMETER_INVALID' }, url);
  }
  t.same(parseTarget('/exec/a%2fb/c?x=1').segments, ['exec', 'a/b', 'c']);
  t.end();
});
