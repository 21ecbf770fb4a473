import t from 'tap';
import type { BackOff } from '../../../../src/edge-runner/pod/back-off.ts';
import type { ObservedPod } from '../../../../src/edge-runner/pod/observed.ts';
import { containerHash } from '../../../../src/edge-runner/pod/container-hash.ts';
import { isFinished, planPod } from '../../../../src/edge-runner/pod/plan.ts';
import { sandboxKey, type PodPlan } from '../../../../src/edge-runner/pod/pod-plan.ts';
import type { Pod } from '../../../../src/kube/api.ts';
import {
  makeContainer,
  makeExited,
  makeObserved,
  makePod,
  makeSandbox,
  web,
} from './make-observed.ts';

const init = { name: 'init', image: 'init:1' };

function plan(
  pod: Pod,
  observed: ObservedPod,
  more: {
    nowMs?: number;
    restartBackOff?: Map<string, BackOff>;
    notBeforeMs?: Map<string, number>;
    lastAttempts?: Map<string, number>;
    isStarted?: (container: { name: string }) => boolean;
  } = {},
): PodPlan {
  return planPod({
    ...{ pod, observed, nowMs: 5_000, restartBackOff: new Map(), notBeforeMs: new Map() },
    lastAttempts: new Map(),
    ...more,
  });
}

void t.test('a pod without a sandbox gets one', (t) => {
  const { steps } = plan(makePod(), makeObserved({ sandboxes: [] }));
  t.same(steps, [{ type: 'create-sandbox', attempt: 0, replaces: false }]);
  t.end();
});

void t.test('a held sandbox waits', (t) => {
  const notBeforeMs = new Map([[sandboxKey, 9_000]]);
  const { steps, wakeAtMs } = plan(makePod(), makeObserved({ sandboxes: [] }), { notBeforeMs });
  t.same(steps, []);
  t.equal(wakeAtMs, 9_000);
  t.end();
});

void t.test('a sandbox that was lost is replaced by the next attempt', (t) => {
  const sandboxes = [makeSandbox({ ready: false, attempt: 2 })];
  const { steps } = plan(makePod(), makeObserved({ sandboxes, containers: [makeExited()] }));
  t.same(steps, [{ type: 'create-sandbox', attempt: 3, replaces: true }]);
  t.end();
});

void t.test('a lost sandbox without containers goes once another is there', (t) => {
  const lost = makeSandbox({ id: 'half', ready: false, attempt: 0 });
  const sandboxes = [makeSandbox({ id: 's1', attempt: 1 }), lost];
  const running = makeContainer({ sandboxId: 's1' });
  const { steps } = plan(makePod(), makeObserved({ sandboxes, containers: [running] }));
  t.same(steps, [{ type: 'remove-sandbox', id: 'half' }]);
  const before = makeExited({ sandboxId: 'half', attempt: 0 });
  const restarted = makeContainer({ sandboxId: 's1', attempt: 1 });
  const kept = plan(makePod(), makeObserved({ sandboxes, containers: [restarted, before] }));
  t.same(kept.steps, [], 'its log may be asked for');
  t.end();
});

void t.test('two ready sandboxes are replaced by one', (t) => {
  const sandboxes = [makeSandbox({ id: 's1', attempt: 1 }), makeSandbox()];
  const { steps } = plan(makePod(), makeObserved({ sandboxes }));
  t.same(steps, [{ type: 'create-sandbox', attempt: 2, replaces: true }]);
  t.end();
});

void t.test('a pod that is never restarted does not come back after its sandbox was lost', (t) => {
  const pod = makePod({ restartPolicy: 'Never' });
  const observed = makeObserved({
    sandboxes: [makeSandbox({ ready: false })],
    containers: [makeExited({ exitCode: 255 })],
  });
  t.equal(isFinished({ pod, observed, lastAttempts: new Map() }), true);
  t.end();
});

void t.test('containers start in a ready sandbox', (t) => {
  const pod = makePod({ containers: [web, { name: 'side', image: 'side:1' }] });
  t.same(plan(pod, makeObserved()).steps, [
    { type: 'start-container', name: 'web', attempt: 0 },
    { type: 'start-container', name: 'side', attempt: 0 },
  ]);
  t.end();
});

void t.test('nothing is done for a pod that runs', (t) => {
  const { steps, wakeAtMs } = plan(makePod(), makeObserved({ containers: [makeContainer()] }));
  t.same(steps, []);
  t.equal(wakeAtMs, undefined);
  t.end();
});

void t.test('init containers run one after the other, before the rest', (t) => {
  const pod = makePod({ initContainers: [init, { name: 'init2', image: 'init:1' }] });
  t.same(plan(pod, makeObserved()).steps, [{ type: 'start-container', name: 'init', attempt: 0 }]);
  const running = makeObserved({ containers: [makeContainer({ name: 'init' })] });
  t.same(plan(pod, running).steps, [], 'it waits for the first');
  const first = makeExited({ name: 'init', exitCode: 0 });
  t.same(plan(pod, makeObserved({ containers: [first] })).steps, [
    { type: 'start-container', name: 'init2', attempt: 0 },
  ]);
  const both = [first, makeExited({ name: 'init2', exitCode: 0 })];
  t.same(plan(pod, makeObserved({ containers: both })).steps, [
    { type: 'start-container', name: 'web', attempt: 0 },
  ]);
  t.end();
});

void t.test('a sidecar must have started before what follows it', (t) => {
  const side = { name: 'side', image: 'side:1', restartPolicy: 'Always' } as const;
  const pod = makePod({ initContainers: [side, init] });
  const starts = (name: string) => [{ type: 'start-container', name, attempt: 0 }];
  t.same(plan(pod, makeObserved()).steps, starts('side'));
  const hash = containerHash(side);
  const up = makeObserved({ containers: [makeContainer({ name: 'side', hash })] });
  t.same(plan(pod, up, { isStarted: () => false }).steps, []);
  t.same(plan(pod, up).steps, starts('init'));
  t.end();
});

void t.test('a sidecar that ended is restarted, and nothing else waits for it any more', (t) => {
  const side = { name: 'side', image: 'side:1', restartPolicy: 'Always' } as const;
  const pod = makePod({ initContainers: [side, init], restartPolicy: 'Never' });
  const gone = makeExited({ name: 'side', hash: containerHash(side), exitCode: 0 });
  const done = makeExited({ name: 'init', exitCode: 0 });
  const restart = { type: 'start-container', name: 'side', attempt: 1 };
  t.same(plan(pod, makeObserved({ containers: [gone, done] })).steps, [
    restart,
    { type: 'start-container', name: 'web', attempt: 0 },
  ]);
  const running = makeObserved({ containers: [gone, done, makeContainer()] });
  t.same(plan(pod, running).steps, [restart]);
  const over = makeObserved({ containers: [gone, done, makeExited()] });
  t.equal(isFinished({ pod, observed: over, lastAttempts: new Map() }), true);
  t.end();
});

void t.test('an ephemeral container starts at any time, and only once', (t) => {
  const pod = makePod({ initContainers: [init], ephemeralContainers: [{ name: 'debug' }] });
  const initialising = makeContainer({ name: 'init' });
  t.same(plan(pod, makeObserved({ containers: [initialising] })).steps, [
    { type: 'start-container', name: 'debug', attempt: 0 },
  ]);
  const over = makeExited({ name: 'debug' });
  t.same(plan(pod, makeObserved({ containers: [initialising, over] })).steps, []);
  t.end();
});

void t.test('init containers run again in a new sandbox', (t) => {
  const pod = makePod({ initContainers: [init] });
  const observed = makeObserved({
    sandboxes: [makeSandbox({ id: 's1', attempt: 1 }), makeSandbox({ ready: false })],
    containers: [makeExited({ name: 'init', exitCode: 0 }), makeExited()],
  });
  t.same(plan(pod, observed).steps, [{ type: 'start-container', name: 'init', attempt: 1 }]);
  t.end();
});

void t.test('a failed init container ends a pod that is never restarted', (t) => {
  const pod = makePod({ initContainers: [init], restartPolicy: 'Never' });
  const observed = makeObserved({ containers: [makeExited({ name: 'init' })] });
  t.equal(isFinished({ pod, observed, lastAttempts: new Map() }), true);
  t.end();
});

void t.test('restart policies', (t) => {
  const cases = [
    { restartPolicy: 'Always', exitCode: 0, restarts: true },
    { restartPolicy: 'Always', exitCode: 1, restarts: true },
    { restartPolicy: 'OnFailure', exitCode: 0, restarts: false },
    { restartPolicy: 'OnFailure', exitCode: 1, restarts: true },
    { restartPolicy: 'Never', exitCode: 0, restarts: false },
    { restartPolicy: 'Never', exitCode: 1, restarts: false },
  ] as const;
  for (const { restartPolicy, exitCode, restarts } of cases) {
    const pod = makePod({ restartPolicy });
    const observed = makeObserved({ containers: [makeExited({ exitCode })] });
    const expected = restarts ? [{ type: 'start-container', name: 'web', attempt: 1 }] : [];
    const what = `${restartPolicy} after exit code ${exitCode}`;
    t.same(plan(pod, observed).steps, expected, what);
    t.equal(isFinished({ pod, observed, lastAttempts: new Map() }), !restarts, what);
  }
  t.end();
});

void t.test('a container waits for its back-off, counted from its end', (t) => {
  const observed = makeObserved({ containers: [makeExited({ endedAtMs: 1_000 })] });
  const backOff = { delayMs: 10_000, updatedAtMs: 500 };
  const restartBackOff = new Map([['web', backOff]]);
  const waiting = plan(makePod(), observed, { nowMs: 10_999, restartBackOff });
  t.same(waiting.steps, []);
  t.equal(waiting.wakeAtMs, 11_000);
  t.equal(waiting.waiting.get('web'), backOff);
  t.equal(plan(makePod(), observed, { nowMs: 11_000, restartBackOff }).steps.length, 1);
  t.end();
});

void t.test('one dead instance is kept for its log', (t) => {
  const containers = [1, 0].map((attempt) => makeExited({ attempt }));
  t.same(plan(makePod(), makeObserved({ containers })).steps, [
    { type: 'remove-container', id: 'web-0', logPath: '/logs/web/0.log' },
    { type: 'start-container', name: 'web', attempt: 2 },
  ]);
  t.end();
});

void t.test('a container that was made but never started is made again', (t) => {
  const observed = makeObserved({ containers: [makeContainer({ state: 'created', attempt: 3 })] });
  t.same(plan(makePod(), observed).steps, [
    { type: 'remove-container', id: 'web-3', logPath: '/logs/web/3.log' },
    { type: 'start-container', name: 'web', attempt: 3 },
  ]);
  t.end();
});

void t.test('a container whose image was changed in the spec starts anew in any case', (t) => {
  const pod = makePod({ restartPolicy: 'Never', containers: [{ ...web, image: 'web:2' }] });
  const { steps } = plan(pod, makeObserved({ containers: [makeContainer()] }));
  t.match(steps, [{ type: 'stop-container', id: 'web-0', restartAs: 1 }]);
  t.end();
});

void t.test(
  'a container that fails a probe is stopped, with the probe’s grace where it has one',
  (t) => {
    const cases = [
      ['Always', { kind: 'liveness', graceSeconds: undefined }, ', will be restarted'],
      ['OnFailure', { kind: 'startup', graceSeconds: 5 }, ', will be restarted'],
      ['Never', { kind: 'liveness', graceSeconds: 0 }, ''],
    ] as const;
    for (const [restartPolicy, failed, restarts] of cases) {
      const { steps } = planPod({
        ...{
          pod: makePod({ restartPolicy }),
          observed: makeObserved({ containers: [makeContainer()] }),
        },
        ...{ nowMs: 5_000, restartBackOff: new Map(), notBeforeMs: new Map() },
        lastAttempts: new Map(),
        failedProbe: (id) => (id === 'web-0' ? failed : undefined),
      });
      const { graceSeconds } = failed;
      t.same(steps, [
        {
          ...{ type: 'stop-container', id: 'web-0' },
          message: `Container web failed ${failed.kind} probe${restarts}`,
          ...(graceSeconds === undefined ? {} : { graceSeconds }),
          ...(restarts === '' ? {} : { restartAs: 1 }),
        },
      ]);
    }
    t.end();
  },
);

void t.test(
  'a container whose end takes all with it: once its back-off is over, from the start',
  (t) => {
    const exitCodes = { operator: 'In', values: [42] };
    const restartPolicyRules = [{ action: 'RestartAllContainers', exitCodes }];
    const trigger = { ...web, restartPolicyRules };
    const pod = makePod({ restartPolicy: 'Never', initContainers: [init], containers: [trigger] });
    const ended = makeExited({ exitCode: 42, endedAtMs: 1_000 });
    const containers = [ended, makeExited({ id: 'i', name: 'init', exitCode: 0 })];
    const observed = makeObserved({ containers });
    t.same(plan(pod, observed).steps, [{ type: 'restart-all', trigger: 'web' }]);
    t.equal(isFinished({ pod, observed, lastAttempts: new Map() }), false);
    const restartBackOff = new Map([['web', { delayMs: 10_000, updatedAtMs: 500 }]]);
    const waits = plan(pod, observed, { restartBackOff });
    t.same([waits.steps, waits.wakeAtMs], [[], 11_000]);
    const other = makeObserved({ containers: [makeExited({ exitCode: 41 })] });
    t.equal(isFinished({ pod, observed: other, lastAttempts: new Map() }), true);
    const lastAttempts = new Map([
      ['init', 0],
      ['web', 0],
    ]);
    t.same(plan(pod, makeObserved({ containers: [] }), { lastAttempts }).steps, [
      { type: 'start-container', name: 'init', attempt: 1 },
    ]);
    t.end();
  },
);
