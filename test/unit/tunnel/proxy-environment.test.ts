import t from 'tap';
import { proxyFor } from '../../../src/tunnel/proxy-environment.ts';

void t.test('the proxy is read as curl and Go do', (t) => {
  t.equal(proxyFor('a.example', 443, {}), undefined);
  t.equal(proxyFor('a.example', 443, { HTTPS_PROXY: '' }), undefined);
  t.strictSame(proxyFor('a.example', 443, { https_proxy: 'proxy:3128' }), {
    secure: false,
    host: 'proxy',
    port: 3128,
    credentials: undefined,
  });
  t.match(proxyFor('a.example', 443, { HTTPS_PROXY: 'https://u:p%40ss@[::1]' }), {
    secure: true,
    host: '::1',
    port: 443,
    credentials: 'u:p@ss',
  });
  t.throws(() => proxyFor('a.example', 443, { HTTPS_PROXY: 'socks5://proxy' }), {
    code: 'ADDRESS_INVALID',
  });
  t.end();
});

void t.test('NO_PROXY lists names, domains, networks and ports', (t) => {
  const cases: [string, string, boolean][] = [
    ['*', 'a.example', true],
    ['a.example', 'a.example', true],
    ['example', 'a.example', true],
    ['.example', 'a.example', true],
    ['*.example', 'A.Example', true],
    ['b.example, a.example', 'a.example', true],
    ['ample', 'a.example', false],
    ['a.example:443', 'a.example', true],
    ['a.example:444', 'a.example', false],
    ['10.0.0.0/8', '10.1.2.3', true],
    ['10.0.0.0/8', '11.1.2.3', false],
    ['10.1.2.3', '10.1.2.3', true],
    ['fd00::/8', 'fd12::1', true],
    ['fd12::1', 'fd12::1', true],
    ['10.0.0.0/99', '10.1.2.3', false],
    ['', 'a.example', false],
  ];
  for (const [exceptions, host, direct] of cases) {
    const environment = { HTTPS_PROXY: 'http://proxy:1', NO_PROXY: exceptions };
    t.equal(proxyFor(host, 443, environment) === undefined, direct, `${exceptions} ${host}`);
  }
  t.end();
});
