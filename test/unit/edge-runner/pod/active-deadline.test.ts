import t from 'tap';
import { ActiveDeadline } from '../../../../src/edge-runner/pod/active-deadline.ts';
import { makePod } from './make-observed.ts';

const pod = makePod({ activeDeadlineSeconds: 60 });
const status = { startTime: '2026-01-01T00:00:00Z' };
const startMs = Date.parse(status.startTime);

void t.test('time that went by before the runner started counts', (t) => {
  const deadline = new ActiveDeadline({ wallMs: () => startMs + 45_000, monotonicMs: () => 7 });
  t.equal(deadline.remainingMs(pod, status), 15_000);
  t.equal(deadline.remainingMs(makePod(), status), undefined);
  t.equal(deadline.remainingMs(pod, undefined), undefined);
  t.end();
});

void t.test('a clock that jumps changes nothing, one that is behind gives the whole time', (t) => {
  const clock = { wall: startMs - 1e9, monotonic: 0 };
  const deadline = new ActiveDeadline({
    wallMs: () => clock.wall,
    monotonicMs: () => clock.monotonic,
  });
  t.equal(deadline.remainingMs(pod, status), 60_000);
  clock.wall += 1e12;
  clock.monotonic = 20_000;
  t.equal(deadline.remainingMs(pod, status), 40_000);
  clock.monotonic = 90_000;
  t.equal(deadline.remainingMs(pod, status), 0);
  t.end();
});
