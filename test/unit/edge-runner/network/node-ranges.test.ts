import t from 'tap';
import {
  usableRanges,
  type RangeSurroundings,
} from '../../../../src/edge-runner/network/node-ranges.ts';
import { lan, route4 } from './routes-fixture.ts';

const zero = '0'.repeat(32);
const route6 = (device: string, destination: string, bits: string, gateway = zero): string =>
  `${destination} ${bits} ${zero} 00 ${gateway} 00000400 00000001 00000000 00000003     ${device}\n`;

/** A network behind fd00:1::1, the default route by way of fe80::1, and the pods' own bridge. */
const routes6 = [
  route6('eth0', '20010db8000100000000000000000000', '40'),
  route6('eth0', 'fd000002000000000000000000000000', '30', 'fd000001000000000000000000000001'),
  route6('eth0', zero, '00', 'fe800000000000000000000000000001'),
  route6('cni-towline0', 'fd000244000100000000000000000000', '40'),
  route6('lo', zero, '00'),
].join('');

/** 192.168.7.2/24 on eth0, the gateway is 192.168.7.1. */
const device: RangeSurroundings = {
  routes: lan,
  routes6,
  networks: ['192.168.7.2/24', '2001:db8:1::2/64'],
  needed: ['192.168.9.53', '203.0.113.7', '2001:db8:53::53'],
  hasIpv6: true,
};

void t.test('IPv4, IPv6 and both, in the order of the Node', (t) => {
  for (const cidrs of [
    ['10.244.1.0/24'],
    ['fd00:244:1::/64'],
    ['10.244.1.0/24', 'fd00:244:1::/64'],
    ['fd00:244:1::/64', '10.244.1.0/24'],
  ]) {
    t.same(usableRanges(cidrs, device), { cidrs });
  }
  t.end();
});

void t.test('without IPv6 that is left out', (t) => {
  const without = { ...device, hasIpv6: false };
  const both = ['10.244.1.0/24', 'fd00:244:1::/64'];
  t.same(usableRanges(both, without), { cidrs: ['10.244.1.0/24'] });
  t.same(usableRanges(['fd00:244:1::/64'], without), { problem: 'the device has no IPv6' });
  t.end();
});

void t.test('what is no range of addresses for pods', (t) => {
  for (const wrong of [
    '10.244.1.0',
    '10.244.1.0/24"',
    '../../x',
    '10.0.0.0/4',
    '10.244.1.5/24',
    'fe80::1%eth0/64',
  ]) {
    t.match(usableRanges([wrong], device), { problem: /is no range/ }, wrong);
  }
  t.end();
});

void t.test('a range that would cut the device off', (t) => {
  for (const taken of ['192.168.7.0/24', '192.168.0.0/16', '192.168.7.0/30']) {
    t.match(usableRanges([taken], device), { problem: /the device itself/ }, taken);
  }
  for (const taken of ['2001:db8:1::/64', '2001:db8:1:0:4::/80', '2001:DB8::/32']) {
    t.match(usableRanges([taken], device), { problem: /the device itself/ }, taken);
  }
  t.match(usableRanges(['192.168.7.128/25'], device), { problem: /the device itself/ });
  for (const taken of ['fd00:2::/48', 'fd00:2::/47', 'fd00:1::/64']) {
    t.match(usableRanges([taken], device), { problem: /network of its own/ }, taken);
  }
  t.match(usableRanges(['10.244.1.0/24', '2001:db8:1::/64'], device), { problem: /2001:db8:1::/ });
  const beside = ['192.168.8.0/24', '2001:db8:2::/64', 'fd00:2:0:5::/64', 'fd00:3::/48'];
  for (const cidr of beside) t.same(usableRanges([cidr], device), { cidrs: [cidr] });
  t.end();
});

void t.test('a wide route into which it falls is no hindrance, nor is its own bridge', (t) => {
  const routes =
    device.routes +
    route4('tun0', '0000000A', '0107A8C0', '000000FF') +
    route4('cni-towline0', '0001F40A', '00000000', '00FFFFFF');
  t.same(usableRanges(['10.244.1.0/24'], { ...device, routes }), { cidrs: ['10.244.1.0/24'] });
  const others = device.routes + route4('docker0', '0001F40A', '00000000', '00FFFFFF');
  t.match(usableRanges(['10.244.1.0/24'], { ...device, routes: others }), {
    problem: /network of its own/,
  });
  t.end();
});

void t.test('a wide route is none either that begins where the range does', (t) => {
  const routes = device.routes + route4('tun0', '0000F40A', '0107A8C0', '0000FFFF');
  t.same(usableRanges(['10.244.0.0/24'], { ...device, routes }), { cidrs: ['10.244.0.0/24'] });
  t.match(usableRanges(['10.244.0.0/15'], { ...device, routes }), {
    problem: /network of its own/,
  });
  t.end();
});

void t.test('a range of addresses that no host has', (t) => {
  for (const special of [
    ...[
      '0.0.0.0/8',
      '127.0.0.0/8',
      '127.1.2.0/24',
      '169.254.0.0/16',
      '224.0.0.0/8',
      '240.1.0.0/16',
    ],
    ...['::/64', '::ffff:10.0.0.0/104', 'fe80::/64', 'ff02::/64'],
  ]) {
    t.match(usableRanges([special], device), { problem: /that are none of hosts/ }, special);
  }
  t.end();
});

void t.test('a range with a name server, the proxy or the provider in it', (t) => {
  for (const [cidr, address] of [
    ['192.168.9.0/24', '192.168.9.53'],
    ['203.0.113.0/24', '203.0.113.7'],
    ['2001:db8:53::/64', '2001:db8:53::53'],
  ] as const) {
    const problem = `${cidr} has ${address} in it, which the device must reach`;
    t.same(usableRanges([cidr], device), { problem });
  }
  t.same(usableRanges(['203.0.113.128/25'], device), { cidrs: ['203.0.113.128/25'] });
  t.end();
});
