import t from 'tap';
import {
  usableRanges,
  type RangeSurroundings,
} from '../../../../src/edge-runner/network/node-ranges.ts';
import { lan, route4 } from './routes-fixture.ts';

/** 192.168.7.2/24 on eth0, the gateway is 192.168.7.1. */
const device: RangeSurroundings = {
  routes: lan,
  addresses: ['192.168.7.2', 'fd00:1::2'],
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
  for (const wrong of ['10.244.1.0', '10.244.1.0/24"', '../../x', '10.0.0.0/4', '10.244.1.5/24']) {
    t.match(usableRanges([wrong], device), { problem: /is no range/ }, wrong);
  }
  t.end();
});

void t.test('a range that would cut the device off', (t) => {
  for (const taken of ['192.168.7.0/24', '192.168.0.0/16', '192.168.7.0/30']) {
    t.match(usableRanges([taken], device), { problem: /the device itself/ }, taken);
  }
  const beside = ['192.168.7.128/25', '192.168.8.0/24'];
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
