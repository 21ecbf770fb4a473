import t from 'tap';
import { isPodCidr } from '../../../../src/edge-runner/network/cidr.ts';
import { choosePodCidrs } from '../../../../src/edge-runner/network/pod-cidrs.ts';

const head =
  'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
/** A line of /proc/net/route; the kernel writes addresses with their last byte first. */
const route = (destination: string, mask: string): string =>
  `eth0\t${destination}\t00000000\t0001\t0\t0\t0\t${mask}\t0\t0\t0\n`;
const none = { routes6: '', networks: [], needed: [], hasIpv6: false };
const nowhere = { ...none, reachesIpv6: false, deviceId: 'a' };
const choose = (routes: string, reachesIpv6 = false): string[] =>
  choosePodCidrs({ ...nowhere, routes: head + routes, reachesIpv6 });

void t.test('nor one in which is what the device must reach', (t) => {
  const device = { ...nowhere, routes: head };
  t.same(choosePodCidrs({ ...device, needed: ['10.85.0.53'] }), ['172.30.85.0/24']);
  t.same(choosePodCidrs({ ...device, networks: ['10.1.2.3/8'] }), ['172.30.85.0/24']);
  const needed = ['10.85.0.1', '172.30.85.1', '192.168.185.1', '10.213.85.1'];
  t.same(choosePodCidrs({ ...device, needed }), ['10.85.0.0/24'], 'but some it must have');
  t.end();
});

void t.test('pods get a range that the device has no route into', (t) => {
  t.same(choose(''), ['10.85.0.0/24']);
  t.same(choose(route('00000000', '00000000')), ['10.85.0.0/24'], 'the default route is no range');
  t.same(choose(route('004DA8C0', '00FFFFFF')), ['10.85.0.0/24'], '192.168.77.0/24');
  t.same(choose(route('0000000A', '000000FF')), ['172.30.85.0/24'], 'all of 10.0.0.0/8');
  t.same(choose(route('4000550A', 'F0FFFFFF')), ['172.30.85.0/24'], '10.85.0.64/28 inside');
  const everywhere = route('0000000A', '000000FF') + route('000010AC', '0000F0FF');
  t.same(choose(everywhere), ['192.168.185.0/24']);
  t.same(choose(route('00000000', '00000080') + route('00000080', '00000080')), ['10.85.0.0/24']);
  t.end();
});

void t.test('with IPv6 pods get a range of the device’s own, always the same', (t) => {
  const [, first] = choose('', true);
  t.match(first, /^fd[0-9a-f]{2}:[0-9a-f]{4}:[0-9a-f]{4}:[0-9a-f]{4}::\/64$/);
  t.same(choose('', true)[1], first);
  t.ok(isPodCidr(first ?? ''));
  t.not(choosePodCidrs({ ...nowhere, routes: '', reachesIpv6: true, deviceId: 'b' })[1], first);
  t.end();
});

void t.test('what a person may give as a range', (t) => {
  for (const good of ['10.1.2.0/24', '172.16.0.0/12', 'fd00:1::/64']) t.ok(isPodCidr(good), good);
  for (const bad of [
    '',
    '10.1.2.0',
    '10.1.2/24',
    '10.1.2.0/31',
    '10.0.0.0/33',
    'fd00::/128',
    'x/24',
  ])
    t.notOk(isPodCidr(bad), bad);
  t.end();
});
