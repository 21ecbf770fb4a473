import t from 'tap';
import { nanosToDate, nanosToMs } from '../../../../src/edge-runner/cri/nanoseconds.ts';

void t.test('converts times without losing what the target can hold', (t) => {
  const nanos = 1_767_323_045_000_456_789n;
  t.equal(nanosToMs(nanos), 1_767_323_045_000);
  t.equal(nanosToDate(nanos).toISOString(), '2026-01-02T03:04:05.000Z');
  t.end();
});
