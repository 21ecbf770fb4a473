import t from 'tap';
import type { RangeSurroundings } from '../../../../src/edge-runner/network/node-ranges.ts';
import { planRanges, type RangePlan } from '../../../../src/edge-runner/network/plan-ranges.ts';
import { lan, routes4 } from './routes-fixture.ts';

const zero = '0'.repeat(32);
const default6 = `${zero} 00 ${zero} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n`;

/** On IPv6 alone. */
const onIpv6: RangeSurroundings = {
  routes: routes4(),
  routes6: default6,
  networks: ['2001:db8:1::2/64'],
  needed: ['2001:db8:53::53'],
  hasIpv6: true,
};
const onBoth = { ...onIpv6, routes: lan, networks: ['192.168.7.2/24', '2001:db8:1::2/64'] };

const ipv4 = '10.244.1.0/24';
const ipv6 = 'fd00:244:1::/64';
const chosen = ['10.85.0.0/24', 'fd01:2:3:4::/64'];
const waits = /^will be .* once the device has an IPv4 address and a default route$/;

const plan = (
  nodeRanges: string[],
  surroundings: RangeSurroundings,
  before: string[] | undefined = chosen,
): RangePlan => planRanges({ nodeRanges, before, chosen, surroundings });

void t.test('a device on IPv6 alone takes the IPv6 range of its Node', (t) => {
  t.same(plan([ipv6], onIpv6), { cidrs: [ipv6] });
  t.match(plan([ipv6], { ...onIpv6, routes6: '' }), { note: /has an address/, isOpen: true });
  t.match(plan([ipv6], { ...onIpv6, networks: [] }), { note: /has an address/, isOpen: true });
  t.match(plan([ipv6], { ...onIpv6, hasIpv6: false }), { note: /the device has no IPv6/ });
  t.end();
});

void t.test('of both, that of IPv4 waits until there is a network to judge it by', (t) => {
  const both = { cidrs: ['10.85.0.0/24', ipv6], note: waits, isOpen: true };
  t.match(plan([ipv4, ipv6], onIpv6), both);
  t.match(plan([ipv4, ipv6], onIpv6, ['10.9.0.0/24']), { ...both, cidrs: ['10.9.0.0/24', ipv6] });
  t.match(plan([ipv6, ipv4], onIpv6), { ...both, cidrs: [ipv6, '10.85.0.0/24'] });
  t.same(plan([ipv4, ipv6], onBoth, ['10.85.0.0/24', ipv6]), { cidrs: [ipv4, ipv6] });
  t.match(plan([ipv4], onIpv6), { cidrs: undefined, note: /has an address/, isOpen: true });
  const without = { ...onIpv6, hasIpv6: false };
  t.match(plan([ipv4, ipv6], without), { cidrs: undefined, note: /^will be/, isOpen: true });
  t.end();
});

void t.test('what was taken over stays at a boot at which IPv6 is there first', (t) => {
  for (const taken of [
    [ipv4, ipv6],
    [ipv6, ipv4],
  ]) {
    t.same(plan(taken, onIpv6, taken), { cidrs: taken, isOpen: true });
  }
  t.end();
});

void t.test('what would take it off its IPv6 network is refused, and not kept', (t) => {
  const harmful = '2001:db8:1::/64';
  t.match(plan([harmful], onIpv6), { cidrs: undefined, note: /^can't be .* the device itself/ });
  t.match(plan([ipv4, harmful], onIpv6), { cidrs: undefined, note: /^can't be/ });
  t.match(plan([], onIpv6, [ipv4, harmful]), { cidrs: chosen });
  t.match(plan(['2001:db8:53::/64'], onIpv6), { note: /must reach/ });
  t.end();
});
