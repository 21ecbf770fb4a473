import t from 'tap';
import { neededAddresses } from '../../../../src/edge-runner/network/needed-addresses.ts';

const hosts: Record<string, string[]> = {
  'provider.example.com': ['203.0.113.7', '2001:db8::7'],
  'proxy.example.com': ['192.168.9.8'],
};
const resolve = (host: string): Promise<readonly string[]> => {
  const found = hosts[host];
  return found === undefined ? Promise.reject(new Error(host)) : Promise.resolve(found);
};
const providers = ['wss://provider.example.com:8443', 'wss://[2001:db8::9]:8443'];

void t.test('name servers, also those behind the stub, and the provider', async (t) => {
  const root = t.testdir({
    etc: { 'resolv.conf': 'search x\n#nameserver 1.1.1.1\nnameserver 127.0.0.53\nnameserver x\n' },
    run: {
      systemd: { resolve: { 'resolv.conf': 'nameserver 10.0.0.53\nnameserver fe80::1%eth0' } },
    },
  });
  t.same(await neededAddresses({ providers, environment: {}, root: { root }, resolve }), [
    ...['127.0.0.53', '10.0.0.53', 'fe80::1'],
    ...['203.0.113.7', '2001:db8::7', '2001:db8::9'],
  ]);
});

void t.test('the proxy where there is one, for what it is used', async (t) => {
  const root = { root: t.testdir({}) };
  const environment = {
    HTTPS_PROXY: 'http://proxy.example.com:3128',
    NO_PROXY: '2001:db8::9',
  };
  t.same(await neededAddresses({ providers, environment, root, resolve }), [
    ...['192.168.9.8', '2001:db8::9'],
  ]);
  const unusable = { HTTPS_PROXY: 'ftp://x' };
  const found = await neededAddresses({ providers, environment: unusable, root, resolve });
  t.same(found, ['203.0.113.7', '2001:db8::7', '2001:db8::9'], 'and none that is no proxy');
});

void t.test('what cannot be looked up, or only for ever, is left out', async (t) => {
  const options = { environment: {}, root: { root: t.testdir({}) }, resolve, timeoutMs: 10 };
  const unknown = ['wss://unknown.example.com', 'wss://203.0.113.9'];
  t.same(await neededAddresses({ ...options, providers: unknown }), ['203.0.113.9']);
  const never = (): Promise<readonly string[]> => new Promise(() => undefined);
  const keepsAlive = setInterval(() => undefined, 1_000);
  t.same(await neededAddresses({ ...options, providers, resolve: never }), ['2001:db8::9']);
  clearInterval(keepsAlive);
});
