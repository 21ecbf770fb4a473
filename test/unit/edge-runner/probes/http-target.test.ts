import t from 'tap';
import { redirected, requestPath, urlOf } from '../../../../src/edge-runner/probes/http-target.ts';

void t.test('paths as pods write them', (t) => {
  const cases: [path: string, sent: string][] = [
    ['', '/'],
    ['/', '/'],
    ['healthz', '/healthz'],
    ['/a/../b', '/a/../b'],
    ['/a%2Fb', '/a%2Fb'],
    ['/100%', '/100%25'],
    ['/a b', '/a%20b'],
    ['/a?b c=ü', '/a?b%20c=%C3%BC'],
    ['/a#b', '/a'],
    ['//elsewhere/x', '/x'],
    ['http://elsewhere/x?y', '/x?y'],
    ['/a\r\nHost: x', '/a%0D%0AHost:%20x'],
    ['/\ud800', '/%EF%BF%BD'],
  ];
  for (const [path, sent] of cases) t.equal(requestPath(path), sent, JSON.stringify(path));
  t.end();
});

void t.test('addresses', (t) => {
  const target = { scheme: 'http', host: 'fd00::1', port: 8080, path: '/x' } as const;
  t.equal(urlOf(target), 'http://[fd00::1]:8080/x');
  t.same(redirected(target, '/y?z'), { ...target, path: '/y?z' });
  t.same(redirected(target, 'https://[fd00::1]/'), {
    ...{ scheme: 'https', host: 'fd00::1', port: 443, path: '/' },
  });
  t.equal(redirected(target, 'http://['), undefined);
  t.end();
});
