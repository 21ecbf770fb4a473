import t from 'tap';
import { sourceOf } from '../../../../src/provider/strangers/source-of.ts';

void t.test('an IPv4 address stands for itself, however it is written', (t) => {
  t.equal(sourceOf('192.0.2.7'), '192.0.2.7');
  t.equal(sourceOf('::ffff:192.0.2.7'), '192.0.2.7');
  t.equal(sourceOf('::FFFF:192.0.2.7'), '192.0.2.7');
  t.end();
});

void t.test('an IPv6 address stands for its /64', (t) => {
  const same = ['2001:db8:1:2::1', '2001:db8:1:2:ffff::', '2001:db8:1:2:a:b:c:d'];
  for (const address of same) t.equal(sourceOf(address), '2001:db8:1:2::/64', address);
  t.equal(sourceOf('2001:db8:1:3::1'), '2001:db8:1:3::/64');
  t.equal(sourceOf('2001:db8::1'), '2001:db8:0:0::/64');
  t.equal(sourceOf('2001:0db8:0000:0000::1'), '2001:db8:0:0::/64');
  t.equal(sourceOf('::1'), '0:0:0:0::/64');
  t.equal(sourceOf('64:ff9b::192.0.2.7'), '64:ff9b:0:0::/64');
  t.equal(sourceOf('fe80::1%eth0'), 'fe80:0:0:0::/64');
  t.end();
});
