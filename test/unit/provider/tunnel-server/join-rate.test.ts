import t from 'tap';
import { JoinRate } from '../../../../src/provider/tunnel-server/join-rate.ts';
import { joinBurst, joinBurstPerSite } from '../../../../src/provider/tunnel-server/limits.ts';
import type { Clock } from '../../../../src/tunnel/clock.ts';

function clockAt(time: { nowMs: number }): Clock {
  return { now: () => time.nowMs, after: () => () => undefined };
}

const joiner = { tenant: 'acme', site: 'shop', address: '192.0.2.7' };

void t.test('a site may be tried in a burst, and then at a steady rate', (t) => {
  const time = { nowMs: 0 };
  const rate = new JoinRate(clockAt(time));
  for (let i = 0; i < joinBurstPerSite; i += 1) t.ok(rate.allows(joiner));
  t.notOk(rate.allows(joiner));
  time.nowMs = 5_900;
  t.notOk(rate.allows(joiner));
  time.nowMs = 6_100;
  t.ok(rate.allows(joiner));
  t.notOk(rate.allows(joiner));
  t.end();
});

void t.test('who tries too often keeps out neither other sites nor other addresses', (t) => {
  const rate = new JoinRate(clockAt({ nowMs: 0 }));
  for (let i = 0; i <= joinBurstPerSite; i += 1) rate.allows(joiner);
  t.notOk(rate.allows(joiner));
  t.ok(rate.allows({ ...joiner, site: 'other' }));
  t.ok(rate.allows({ ...joiner, tenant: 'other' }));
  t.ok(rate.allows({ ...joiner, address: '192.0.2.8' }));
  t.end();
});

void t.test('all together are bounded too, and refused tries do not count against them', (t) => {
  const rate = new JoinRate(clockAt({ nowMs: 0 }));
  for (let i = 0; i < joinBurst * 2; i += 1) rate.allows(joiner);
  let allowed = 0;
  for (let i = 0; i < joinBurst * 2; i += 1) {
    if (rate.allows({ ...joiner, site: `site-${i}` })) allowed += 1;
  }
  t.equal(allowed, joinBurst - joinBurstPerSite);
  t.end();
});
