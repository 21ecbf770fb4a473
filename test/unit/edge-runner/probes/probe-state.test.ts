import t from 'tap';
import type { ProbeOutcome } from '../../../../src/edge-runner/probes/probe-outcome.ts';
import {
  afterProbe,
  firstState,
  quietState,
  type FirstSight,
  type ProbeKind,
  type ProbeState,
} from '../../../../src/edge-runner/probes/probe-state.ts';
import { probeTimes } from '../../../../src/edge-runner/probes/probe-times.ts';
import type { Probe } from '../../../../src/kube/probe.ts';

const startedAtMs = 100_000;

function sight(kind: ProbeKind, probe: Probe, more: Partial<FirstSight> = {}): FirstSight {
  return {
    ...{ kind, times: probeTimes(probe), startedAtMs, nowMs: startedAtMs },
    ...{ succeeded: false, jitter: undefined },
    ...more,
  };
}

/** Runs a probe whenever it is due, with these results, and tells what came of each run. */
function story(
  kind: ProbeKind,
  probe: Probe,
  results: string,
): { state: ProbeState; verdicts: string; atSeconds: (number | undefined)[] } {
  const words: Record<string, ProbeOutcome['result']> = {
    ...{ s: 'success', f: 'failure', w: 'warning', e: 'error' },
  };
  let state = firstState(sight(kind, probe));
  const seconds = (): number | undefined =>
    state.nextAtMs === undefined ? undefined : (state.nextAtMs - startedAtMs) / 1000;
  const atSeconds = [seconds()];
  let verdicts = '';
  for (const letter of results) {
    const beganAtMs = state.nextAtMs ?? NaN;
    const result = words[letter] ?? 'error';
    state = afterProbe(
      state,
      { kind, times: probeTimes(probe) },
      { result, beganAtMs, nowMs: beganAtMs },
    );
    verdicts += state.verdict.charAt(0);
    atSeconds.push(seconds());
  }
  return { state, verdicts, atSeconds };
}

void t.test('defaults of the API', (t) => {
  t.same(probeTimes({}), {
    ...{ initialDelayMs: 0, periodMs: 10_000, timeoutMs: 1_000, timeoutSeconds: 1 },
    ...{ successThreshold: 1, failureThreshold: 3 },
  });
  t.equal(probeTimes({ timeoutSeconds: 2 ** 31 - 1 }).timeoutMs < 2 ** 31, true, 'fits a timer');
  t.end();
});

void t.test('verdicts change at their thresholds', (t) => {
  const cases: [kind: ProbeKind, probe: Probe, results: string, verdicts: string][] = [
    ['readiness', {}, 's', 's'],
    ['readiness', {}, 'w', 's'],
    ['readiness', { successThreshold: 2 }, 'sfss', 'fffs'],
    ['readiness', {}, 'sfffs', 'sssfs'],
    ['readiness', { failureThreshold: 1 }, 'sfsf', 'sfsf'],
    ['readiness', { failureThreshold: 2 }, 'sfsff', 'ssssf'],
    ['liveness', {}, 'ffsff', 'sssss'],
    ['liveness', {}, 'sfff', 'sssf'],
    ['liveness', { failureThreshold: 1 }, 'f', 'f'],
    ['startup', {}, 'fffs', 'uuus'],
    ['startup', {}, 'ffff', 'uuuf'],
  ];
  for (const [kind, probe, results, verdicts] of cases) {
    t.equal(story(kind, probe, results).verdicts, verdicts, `${kind} ${results}`);
  }
  t.end();
});

void t.test('a probe that could not be carried out says nothing', (t) => {
  const { verdicts } = story('liveness', {}, 'ffeeef');
  t.equal(verdicts, 'sssssf', 'the failures around it count on');
  t.end();
});

void t.test('first runs', (t) => {
  const cases: [kind: ProbeKind, probe: Probe, atSeconds: number][] = [
    ['readiness', {}, 0],
    ['readiness', { initialDelaySeconds: 7 }, 7],
    ['startup', {}, 0],
    ['startup', { initialDelaySeconds: 7 }, 7],
    ['liveness', {}, 10],
    ['liveness', { initialDelaySeconds: 7 }, 10],
    ['liveness', { initialDelaySeconds: 15 }, 15],
    ['liveness', { periodSeconds: 1 }, 1],
  ];
  for (const [kind, probe, atSeconds] of cases) {
    t.equal(story(kind, probe, '').atSeconds[0], atSeconds, `${kind} ${JSON.stringify(probe)}`);
  }
  t.end();
});

void t.test('a startup probe has failureThreshold whole periods', (t) => {
  const probe = { periodSeconds: 5, failureThreshold: 2 };
  const { atSeconds, verdicts } = story('startup', probe, 'fff');
  t.same(atSeconds, [0, 5, 10, undefined]);
  t.equal(verdicts, 'uuf');
  t.end();
});

void t.test('nothing is probed any more after a verdict that ends it', (t) => {
  t.equal(story('startup', {}, 's').state.nextAtMs, undefined, 'started');
  t.equal(
    story('liveness', { failureThreshold: 1 }, 'f').state.nextAtMs,
    undefined,
    'to be killed',
  );
  t.not(story('readiness', { failureThreshold: 1 }, 'f').state.nextAtMs, undefined);
  t.end();
});

void t.test('a probe that takes longer than its period is followed by the next at once', (t) => {
  const probe = { periodSeconds: 1 };
  const state = firstState(sight('readiness', probe));
  const { nextAtMs } = afterProbe(
    state,
    { kind: 'readiness', times: probeTimes(probe) },
    { result: 'success', beganAtMs: startedAtMs, nowMs: startedAtMs + 2_500 },
  );
  t.equal(nextAtMs, startedAtMs + 2_500);
  t.end();
});

void t.test('containers that are older than the runner', (t) => {
  const nowMs = startedAtMs + 3_600_000;
  const more = { nowMs, jitter: 0.5 };
  const ready = firstState(sight('readiness', {}, { ...more, succeeded: true }));
  t.match(ready, { verdict: 'success', nextAtMs: nowMs + 5_000 }, 'stays ready, spread out');
  const started = firstState(sight('startup', {}, { ...more, succeeded: true }));
  t.match(started, { verdict: 'success', nextAtMs: undefined }, 'stays started');
  const unready = firstState(sight('readiness', {}, more));
  t.match(unready, { verdict: 'failure', nextAtMs: nowMs + 5_000 });
  t.end();
});

void t.test('a pod that ends is healthy', (t) => {
  const { state } = story('startup', {}, 'f');
  t.match(quietState(state), { verdict: 'success', nextAtMs: undefined });
  t.end();
});
