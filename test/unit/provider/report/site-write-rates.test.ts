import t from 'tap';
import { maxWaitingSiteWrites, siteWrites } from '../../../../src/provider/limits.ts';
import { SiteWriteRates } from '../../../../src/provider/report/site-write-rates.ts';

interface Slept {
  rates: SiteWriteRates;
  /** How long those who wait would have to, in ms. */
  waits: number[];
}

/** Rates whose waiting never ends. */
function endless(): Slept {
  const waits: number[] = [];
  const rates = new SiteWriteRates((ms) => {
    waits.push(ms);
    return new Promise(() => undefined);
  });
  return { rates, waits };
}

function ask({ rates }: Slept, nodeName: string, times: number): void {
  for (let i = 0; i < times; i += 1) void rates.turn(nodeName);
}

void t.test('a site that reports without end takes no more than its share', (t) => {
  const slept = endless();
  ask(slept, 'odd.acme', siteWrites.burst + 1_000);
  t.ok(slept.waits.length > 900, 'little is worked off while this runs');
  t.ok((slept.waits.at(-1) ?? 0) > 900 * (1_000 / siteWrites.perSecond));
  const { length } = slept.waits;
  ask(slept, 'honest.acme', siteWrites.burst);
  t.equal(slept.waits.length, length, 'and takes none from others');
  t.end();
});

void t.test('more than an honest site has waiting are refused', async (t) => {
  const slept = endless();
  ask(slept, 'odd.acme', siteWrites.burst);
  while (slept.waits.length < maxWaitingSiteWrites) ask(slept, 'odd.acme', 1);
  await t.rejects(slept.rates.turn('odd.acme'), { code: 'TOO_MANY_REPORTS' });
  await slept.rates.turn('honest.acme');
  slept.rates.forget('odd.acme');
  await slept.rates.turn('odd.acme');
});
