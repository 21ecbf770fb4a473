import t from 'tap';
import { waitFor } from '../../../../hack/lab/wait.ts';
import { mustBeKept } from '../../../../src/edge-runner/pod/must-be-kept.ts';
import { PodManager } from '../../../../src/edge-runner/pod/pod-manager.ts';
import type { Container, ContainerStatus, PodStatus } from '../../../../src/kube/api.ts';
import { FakeContext } from './fake-context.ts';
import { makePod, web } from './make-observed.ts';

const exec = { command: ['true'] };
const probed: Container = { ...web, readinessProbe: { exec } };
const slow: Container = { ...web, startupProbe: { exec } };

function running(fields: Partial<ContainerStatus> = {}): PodStatus {
  const status = {
    ...{ name: 'web', containerID: 'containerd://1', image: 'web:1', imageID: '', restartCount: 0 },
    ...{ state: { running: { startedAt: '2026-01-01T00:00:00Z' } }, lastState: {} },
    ...{ started: false, ready: false },
  };
  return { phase: 'Running', containerStatuses: [{ ...status, ...fields }] };
}

const ready = running({ started: true, ready: true });

void t.test('readiness by a probe, in both directions', (t) => {
  const pod = makePod({ containers: [probed] });
  t.ok(mustBeKept(pod, ready, running()));
  t.ok(mustBeKept(pod, running({ started: true }), ready));
  t.ok(mustBeKept(pod, ready, undefined), 'also when nothing was said before');
  t.notOk(mustBeKept(pod, running({ started: true }), undefined), 'unready is what it begins as');
  t.notOk(mustBeKept(pod, { ...ready, message: 'other' }, ready), 'and nothing that stays');
  t.end();
});

void t.test('another container under the same name begins anew', (t) => {
  const pod = makePod({ containers: [probed] });
  const other = running({ containerID: 'containerd://2', started: true, ready: true });
  t.ok(mustBeKept(pod, other, ready));
  t.notOk(mustBeKept(pod, running({ containerID: 'containerd://2' }), ready));
  t.end();
});

void t.test('that a container has started up, of sidecars too', (t) => {
  const started = running({ started: true });
  t.ok(mustBeKept(makePod({ containers: [slow] }), started, running()));
  const { containerStatuses, ...rest } = started;
  const asInit = { ...rest, initContainerStatuses: containerStatuses ?? [] };
  const pod = makePod({ initContainers: [{ ...slow, restartPolicy: 'Always' }] });
  t.ok(mustBeKept(pod, asInit, { phase: 'Pending' }));
  t.end();
});

void t.test('what a container or its pod has been given since it was made', (t) => {
  const [small, large] = [{ requests: { cpu: '1' } }, { requests: { cpu: '2' } }];
  const before = running({ resources: small });
  t.ok(mustBeKept(makePod(), running({ resources: large }), before));
  t.notOk(mustBeKept(makePod(), running({ resources: small, ready: true }), before));
  const other = running({ resources: large, containerID: 'containerd://2' });
  t.notOk(mustBeKept(makePod(), other, before), 'what it was made with the runtime knows');
  t.ok(mustBeKept(makePod(), { ...before, resources: large }, { ...before, resources: small }));
  t.notOk(mustBeKept(makePod(), { ...before, resources: large }, undefined), 'nor at first');
  t.end();
});

void t.test('what the runtime knows, too, is not worth a write', (t) => {
  t.notOk(mustBeKept(makePod(), ready, running()), 'no probe');
  const ended = { state: { terminated: { exitCode: 1, reason: 'Error' } }, ready: false };
  t.notOk(mustBeKept(makePod({ containers: [probed] }), running(ended), ready), 'it has ended');
  t.end();
});

void t.test('the end of a pod', (t) => {
  t.ok(mustBeKept(makePod(), { phase: 'Failed', reason: 'Evicted' }, ready));
  t.ok(mustBeKept(makePod(), { phase: 'Succeeded' }, ready));
  t.end();
});

void t.test('a pod that is over is told of so, and one that comes up is not', async (t) => {
  const fake = new FakeContext();
  const stop = new AbortController();
  const pods = new PodManager({ context: fake.context, lastStatus: () => undefined }, stop.signal);
  t.teardown(async () => {
    stop.abort();
    await pods.stopped();
  });
  const phaseIs = (phase: string): Promise<boolean> =>
    waitFor(() => fake.reports.at(-1)?.status['phase'] === phase, {
      ...{ what: phase, timeoutMs: 5_000, intervalMs: 2 },
    });
  pods.setDesired([makePod()]);
  await phaseIs('Running');
  t.same(new Set(fake.urgencies), new Set(['now']));
  pods.find('berlin', 'shop')?.evict({ reason: 'Evicted', message: 'no room' });
  await phaseIs('Failed');
  t.equal(fake.urgencies.at(-1), 'kept');
});
