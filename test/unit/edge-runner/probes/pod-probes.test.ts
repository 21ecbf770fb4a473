import t from 'tap';
import {
  PodProbes,
  type PodProbesOptions,
  type ProbedContainer,
} from '../../../../src/edge-runner/probes/pod-probes.ts';
import type {
  HandlerTarget,
  ProbeOutcome,
} from '../../../../src/edge-runner/probes/probe-outcome.ts';
import type { Container, Pod } from '../../../../src/kube/api.ts';
import type { Probe } from '../../../../src/kube/probe.ts';
import { ManualClock } from '../../tunnel/manual-clock.ts';

const exec = { exec: { command: ['probe'] } };

/** A pod whose probes give what a test says. */
class Bench {
  readonly clock = new ManualClock();
  readonly events: string[] = [];
  readonly runs: string[] = [];
  changes = 0;
  timers = 0;
  /** By kind of probe; runs that find nothing here succeed. */
  answers: Partial<Record<string, ProbeOutcome | Promise<ProbeOutcome>>> = {};
  readonly probes: PodProbes;
  readonly #beganAtMs = this.clock.now();

  constructor(options: Partial<PodProbesOptions> = {}) {
    this.probes = new PodProbes({
      run: (probe, target) => this.#run(probe, target),
      clock: {
        now: () => this.clock.now(),
        after: (delayMs, action) => {
          this.timers += 1;
          return this.clock.after(delayMs, action);
        },
      },
      events: {
        record: (type, reason, message, container) => {
          this.events.push(`${type} ${reason} ${container ?? ''}: ${message}`);
        },
      },
      onChange: () => {
        this.changes += 1;
      },
      reported: () => undefined,
      random: () => 0.5,
      ...options,
    });
    if (options.reported === undefined) this.update({ readinessProbe: exec }, []);
  }

  update(
    container: Partial<Container>,
    instances: ProbedContainer[],
    pod: Partial<Pod> = {},
  ): void {
    const web = { name: 'web', ...container };
    this.probes.update(
      { metadata: { name: 'shop' }, spec: { containers: [web] }, ...pod },
      { containers: instances, podIp: '10.0.0.2' },
    );
  }

  instance(id: string, fields: Partial<ProbedContainer> = {}): ProbedContainer {
    return { id, name: 'web', state: 'running', ageMs: 0, ...fields };
  }

  #run(probe: Probe, target: HandlerTarget): Promise<ProbeOutcome> {
    const kind = probe.exec?.command?.[0] ?? '';
    const second = (this.clock.now() - this.#beganAtMs) / 1000;
    this.runs.push(`${kind} ${target.containerId}@${second}`);
    return Promise.resolve(this.answers[kind] ?? { result: 'success', output: '' });
  }
}

function probeNamed(kind: string, probe: Probe = {}): Probe {
  return { exec: { command: [kind] }, ...probe };
}

const web = (id: string): { id: string; name: string } => ({ id, name: 'web' });
const bad: ProbeOutcome = { result: 'failure', output: 'no' };

void t.test('a pod without probes is started and ready and costs no timer', (t) => {
  const bench = new Bench();
  bench.update({}, [bench.instance('a')]);
  t.equal(bench.probes.started(web('a')), true);
  t.equal(bench.probes.ready(web('a')), true);
  t.equal(bench.probes.failure('a'), undefined);
  t.equal(bench.timers, 0);
  t.end();
});

void t.test('readiness begins false, and only changes are told', async (t) => {
  const bench = new Bench();
  bench.update({ readinessProbe: exec }, [bench.instance('a')]);
  t.equal(bench.probes.ready(web('a')), false);
  t.equal(bench.probes.started(web('a')), true);
  await bench.clock.advance(35_000);
  t.equal(bench.probes.ready(web('a')), true);
  t.same(bench.runs, ['probe a@0', 'probe a@10', 'probe a@20', 'probe a@30']);
  t.equal(bench.changes, 1);
  bench.probes.stop();
});

void t.test('readiness goes away at its threshold, with an event for each failure', async (t) => {
  const bench = new Bench();
  const readinessProbe = probeNamed('readiness', { periodSeconds: 1, failureThreshold: 2 });
  bench.update({ readinessProbe }, [bench.instance('a')]);
  await bench.clock.advance(500);
  bench.answers = { readiness: { result: 'failure', output: 'statuscode: 500' } };
  await bench.clock.advance(1_000);
  t.equal(bench.probes.ready(web('a')), true);
  await bench.clock.advance(1_000);
  t.equal(bench.probes.ready(web('a')), false);
  t.same(
    bench.events,
    Array(2).fill('Warning Unhealthy web: Readiness probe failed: statuscode: 500'),
  );
  t.equal(bench.probes.failure('a'), undefined, 'no reason to kill it');
  t.equal(bench.changes, 2);
  bench.probes.stop();
});

void t.test('startup holds back liveness and readiness', async (t) => {
  const bench = new Bench();
  bench.answers = { startup: bad };
  const probes = {
    startupProbe: probeNamed('startup', { periodSeconds: 5, failureThreshold: 10 }),
    livenessProbe: probeNamed('liveness', { periodSeconds: 5 }),
    readinessProbe: probeNamed('readiness', { periodSeconds: 5 }),
  };
  bench.update(probes, [bench.instance('a')]);
  await bench.clock.advance(12_000);
  t.same(bench.runs, ['startup a@0', 'startup a@5', 'startup a@10']);
  t.equal(bench.probes.started(web('a')), false);
  t.equal(bench.events.length, 2, 'the try at once is not counted');
  bench.answers = {};
  await bench.clock.advance(3_000);
  t.equal(bench.probes.started(web('a')), true);
  t.equal(bench.probes.ready(web('a')), true);
  t.same(bench.runs.slice(3), ['startup a@15', 'liveness a@15', 'readiness a@15']);
  bench.probes.stop();
});

void t.test('a failed startup probe asks for the end of its container', async (t) => {
  const bench = new Bench();
  bench.answers = { startup: bad };
  const startupProbe = probeNamed('startup', {
    ...{ periodSeconds: 1, failureThreshold: 2, terminationGracePeriodSeconds: 7 },
  });
  bench.update({ startupProbe }, [bench.instance('a')]);
  await bench.clock.advance(10_000);
  t.same(bench.runs, ['startup a@0', 'startup a@1', 'startup a@2'], 'and no more probes');
  t.same(bench.probes.failure('a'), { kind: 'startup', graceSeconds: 7 });
  t.equal(bench.events[0], 'Warning Unhealthy web: Startup probe failed: no');
});

void t.test('a container that was restarted begins anew', async (t) => {
  const bench = new Bench();
  bench.answers = { liveness: bad };
  const probes = {
    livenessProbe: probeNamed('liveness', { periodSeconds: 1, failureThreshold: 1 }),
    readinessProbe: probeNamed('readiness'),
  };
  const first = bench.instance('a');
  bench.update(probes, [first]);
  await bench.clock.advance(1_000);
  t.same(bench.probes.failure('a'), { kind: 'liveness', graceSeconds: undefined });
  t.equal(bench.probes.ready(web('a')), true);
  bench.answers = {};
  bench.update(probes, [{ ...first, state: 'exited' }]);
  t.equal(bench.probes.failure('a'), undefined, 'it has ended');
  t.equal(bench.probes.ready(web('a')), false);
  const second = bench.instance('b');
  bench.update(probes, [second, { ...first, state: 'exited' }]);
  t.equal(bench.probes.ready(web('b')), false);
  t.equal(bench.probes.failure('b'), undefined);
  await bench.clock.advance(1_000);
  t.equal(bench.probes.ready(web('b')), true);
  bench.probes.stop();
});

void t.test('looking again at the same container changes nothing', async (t) => {
  const bench = new Bench();
  const probes = { readinessProbe: probeNamed('readiness', { initialDelaySeconds: 3 }) };
  const instance = bench.instance('a');
  for (let second = 0; second < 5; second += 1) {
    bench.update(probes, [instance]);
    await bench.clock.advance(1_000);
  }
  t.same(bench.runs, ['readiness a@3']);
  bench.probes.stop();
});

void t.test('a run that is under way when its container ends is dropped', async (t) => {
  const bench = new Bench();
  const pending = Promise.withResolvers<ProbeOutcome>();
  bench.answers = { readiness: pending.promise };
  const probes = { readinessProbe: probeNamed('readiness') };
  const instance = bench.instance('a');
  bench.update(probes, [instance]);
  await bench.clock.advance(15_000);
  t.same(bench.runs, ['readiness a@0'], 'one run at a time');
  bench.update(probes, [{ ...instance, state: 'exited' }]);
  pending.resolve(bad);
  await bench.clock.advance(15_000);
  t.same(bench.events, []);
  t.equal(bench.changes, 0);
});

void t.test(
  'a pod that is being deleted is not killed for its health, but may become unready',
  async (t) => {
    const bench = new Bench();
    const probes = {
      livenessProbe: probeNamed('liveness', { periodSeconds: 1, failureThreshold: 1 }),
      readinessProbe: probeNamed('readiness', { periodSeconds: 1, failureThreshold: 1 }),
    };
    const instance = bench.instance('a');
    bench.update(probes, [instance]);
    await bench.clock.advance(500);
    bench.answers = { liveness: bad, readiness: bad };
    const metadata = { name: 'shop', deletionTimestamp: '2026-01-01T00:00:00Z' };
    bench.update(probes, [instance], { metadata });
    await bench.clock.advance(5_000);
    t.equal(bench.probes.failure('a'), undefined);
    t.equal(bench.probes.ready(web('a')), false);
    bench.probes.stop();
  },
);

void t.test(
  'what was ready before the runner restarted stays ready until a probe fails',
  async (t) => {
    const bench = new Bench({
      reported: (id) => ({ ready: id === 'a', started: true }),
    });
    bench.answers = { startup: bad };
    const probes = {
      startupProbe: probeNamed('startup'),
      readinessProbe: probeNamed('readiness', { failureThreshold: 1 }),
    };
    bench.update(probes, [bench.instance('a', { ageMs: 500_000 })]);
    t.equal(bench.probes.ready(web('a')), true);
    await bench.clock.advance(5_000);
    t.same(bench.runs, ['readiness a@5'], 'after part of a period');
    bench.answers = { readiness: bad };
    await bench.clock.advance(10_000);
    t.equal(bench.probes.ready(web('a')), false);
    bench.probes.stop();
  },
);

void t.test('sidecars are probed, other init containers are not', async (t) => {
  const bench = new Bench();
  const containers = [{ name: 'web' }];
  const side = { name: 'side', readinessProbe: probeNamed('side') };
  const instances = [bench.instance('s', { name: 'side' })];
  const pod = (restartPolicy?: 'Always'): Pod => ({
    metadata: { name: 'shop' },
    spec: {
      containers,
      initContainers: [{ ...side, ...(restartPolicy === undefined ? {} : { restartPolicy }) }],
    },
  });
  bench.probes.update(pod(), { containers: instances, podIp: undefined });
  await bench.clock.advance(1_000);
  t.same(bench.runs, []);
  bench.probes.update(pod('Always'), { containers: instances, podIp: undefined });
  await bench.clock.advance(1_000);
  t.same(bench.runs, ['side s@1']);
  bench.probes.stop();
});

void t.test('a container that was seen late has its delay behind it', async (t) => {
  const bench = new Bench();
  const readinessProbe = probeNamed('readiness', { initialDelaySeconds: 30 });
  bench.update({ readinessProbe }, [bench.instance('a', { ageMs: 25_000 })]);
  await bench.clock.advance(6_000);
  t.same(bench.runs, ['readiness a@5']);
  bench.probes.stop();
});
