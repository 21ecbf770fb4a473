import t from 'tap';
import {
  defaultPublicAddress,
  type ProviderFlags,
  providerOptions,
} from '../../../src/provider/options.ts';

const flags: ProviderFlags = {
  namespace: 'towline-system',
  listen: '0.0.0.0:8443',
  kubeletPorts: '10350-14350',
  kubeletListen: '0.0.0.0',
  kubeletServingCertificate: 'own',
  disconnectGrace: '40s',
  drainGrace: '10s',
  trustDomain: 'towline',
  siteCertificateLifetime: '720h',
  logLevel: 'info',
};

function address(text: string, internal: boolean, family: 'IPv4' | 'IPv6' = 'IPv4'): object {
  return { address: text, internal, family, netmask: '', mac: '', cidr: null };
}

const around = {
  environment: {},
  interfaces: {
    lo: [address('127.0.0.1', true)],
    eth0: [address('fe80::1', false, 'IPv6'), address('10.0.0.7', false)],
  } as never,
};

void t.test('without flags it listens everywhere and is reached at its first address', (t) => {
  const options = providerOptions(flags, around);
  t.match(options, {
    listen: { host: '0.0.0.0', port: 8443 },
    nodeAddress: '10.0.0.7',
    kubeletPorts: { from: 10_350, to: 14_350 },
    disconnectGraceMs: 40_000,
    drainGraceMs: 10_000,
    metricsListen: undefined,
  });
  t.equal(defaultPublicAddress(options, 8443), 'wss://10.0.0.7:8443');
  t.end();
});

void t.test('in a pod the address is the pod’s', (t) => {
  const options = providerOptions(flags, { ...around, environment: { POD_IP: '10.1.2.3' } });
  t.equal(options.nodeAddress, '10.1.2.3');
  t.end();
});

void t.test('an address of its own is what sites are told', (t) => {
  const options = providerOptions({ ...flags, listen: '[fd00::1]:9443' }, around);
  t.equal(defaultPublicAddress(options, 9443), 'wss://[fd00::1]:9443');
  t.end();
});

void t.test('its own metrics are served where it is told', (t) => {
  const { metricsListen } = providerOptions({ ...flags, metricsListen: '127.0.0.1:9090' }, around);
  t.same(metricsListen, { host: '127.0.0.1', port: 9090 });
  t.end();
});

void t.test('public addresses are taken as they are, without a path', (t) => {
  const publicAddress = ['wss://towline.example.com:443', 'wss://10.0.0.7:8443/'];
  t.same(providerOptions({ ...flags, publicAddress }, around).publicAddresses, [
    'wss://towline.example.com',
    'wss://10.0.0.7:8443',
  ]);
  t.end();
});

void t.test('a flag that cannot be used is named', (t) => {
  const bad: [Partial<ProviderFlags>, string][] = [
    [{ listen: '8443' }, '--listen'],
    [{ listen: '0.0.0.0:99999' }, '--listen'],
    [{ metricsListen: '9090' }, '--metrics-listen'],
    [{ publicAddress: ['https://x'] }, '--public-address'],
    [{ publicAddress: ['wss://x/path'] }, '--public-address'],
    [{ nodeAddress: 'host' }, '--node-address'],
    [{ kubeletPorts: '5' }, '--kubelet-ports'],
    [{ kubeletPorts: '20-10' }, '--kubelet-ports'],
    [{ kubeletListen: 'x' }, '--kubelet-listen'],
    [{ kubeletServingCertificate: 'other' }, '--kubelet-serving-certificate'],
    [{ disconnectGrace: '40' }, '--disconnect-grace'],
    [{ drainGrace: 'soon' }, '--drain-grace'],
    [{ disconnectGrace: '-1s' }, '--disconnect-grace'],
    [{ trustDomain: 'A B' }, '--trust-domain'],
    [{ siteCertificateLifetime: '2s' }, '--site-certificate-lifetime'],
    [{ siteCertificateLifetime: '9000h' }, '--site-certificate-lifetime'],
  ];
  for (const [change, flag] of bad) {
    t.throws(() => providerOptions({ ...flags, ...change }, around), {
      code: 'FLAG_INVALID',
      message: new RegExp(`^${flag}: `),
    });
  }
  t.throws(() => providerOptions(flags, { environment: {}, interfaces: {} }), {
    message: /^--node-address: /,
  });
  t.end();
});
