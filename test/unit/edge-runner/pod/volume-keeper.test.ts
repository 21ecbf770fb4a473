import t, { type Test } from 'tap';
import { waitFor } from '../../../../hack/lab/wait.ts';
import { PodManager } from '../../../../src/edge-runner/pod/pod-manager.ts';
import { VolumeError } from '../../../../src/edge-runner/volumes/volume-error.ts';
import { FakeContext } from './fake-context.ts';
import { makePod } from './make-observed.ts';

/** A pod that runs, and whose ConfigMap has changed: its volumes are to be made anew. */
async function runningPod(t: Test): Promise<{ fake: FakeContext; pods: PodManager }> {
  const fake = new FakeContext();
  const stop = new AbortController();
  const pods = new PodManager({ context: fake.context, lastStatus: () => undefined }, stop.signal);
  t.teardown(async () => {
    stop.abort();
    await pods.stopped();
  });
  const pod = makePod();
  pods.setDesired([pod]);
  await until('the pod to run', () => fake.reports.at(-1)?.status['phase'] === 'Running');
  fake.refreshGate = Promise.reject(new VolumeError('SETUP_FAILED', 'it is gone'));
  fake.refreshGate.catch(() => undefined);
  pods.setDesired([pod], [{ kind: 'ConfigMap', namespace: 'berlin', name: 'settings' }]);
  await until('the refresh', () => fake.refreshed.length > 0);
  return { fake, pods };
}

async function until(what: string, condition: () => boolean): Promise<void> {
  await waitFor(condition, { what, timeoutMs: 5_000, intervalMs: 2 });
}

const starts = ({ runtime }: FakeContext): number =>
  runtime.calls.filter((call) => call === 'start').length;

void t.test('a container starts again by volumes that can not be renewed', async (t) => {
  const { fake, pods } = await runningPod(t);
  fake.prepareFailure = new VolumeError('NOT_RENEWED', 'configmap "settings" not found');
  fake.runtime.exit('web', 1);
  pods.wakeAll();
  await until('another start', () => starts(fake) === 2);
  const told = fake.events.filter(({ reason }) => reason === 'FailedMount');
  t.equal(told.at(-1)?.message, 'configmap "settings" not found', 'and it is said');
});

void t.test('and not while one of them is not there', async (t) => {
  const { fake, pods } = await runningPod(t);
  fake.prepareFailure = new VolumeError('SETUP_FAILED', 'no disk');
  fake.runtime.exit('web', 1);
  pods.wakeAll();
  await until('it to be said', () => fake.events.some(({ message }) => message === 'no disk'));
  t.equal(starts(fake), 1);
});
