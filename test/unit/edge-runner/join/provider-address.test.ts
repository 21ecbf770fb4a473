import t from 'tap';
import {
  parseProviderAddresses,
  serverNameOf,
} from '../../../../src/edge-runner/join/provider-address.ts';

void t.test('addresses are read with host and port, and 443 when there is none', (t) => {
  t.strictSame(parseProviderAddresses('wss://a.example:8443/, wss://[2001:db8::7]:1,wss://b'), [
    { url: 'wss://a.example:8443', host: 'a.example', port: 8443 },
    { url: 'wss://[2001:db8::7]:1', host: '2001:db8::7', port: 1 },
    { url: 'wss://b:443', host: 'b', port: 443 },
  ]);
  t.end();
});

void t.test('only a name is asked for in TLS', (t) => {
  const [name, v4, v6] = parseProviderAddresses('wss://a.example,wss://192.0.2.7,wss://[::1]');
  t.strictSame(
    [name, v4, v6].map((address) => address && serverNameOf(address)),
    [{ servername: 'a.example' }, {}, {}],
  );
  t.end();
});
