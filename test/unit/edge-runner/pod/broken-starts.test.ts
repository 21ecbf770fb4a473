import t, { type Test } from 'tap';
import { waitFor } from '../../../../hack/lab/wait.ts';
import { BrokenStarts } from '../../../../src/edge-runner/pod/broken-starts.ts';
import type { ObservedContainer, ObservedPod } from '../../../../src/edge-runner/pod/observed.ts';
import { PodManager } from '../../../../src/edge-runner/pod/pod-manager.ts';
import type { PodWorker } from '../../../../src/edge-runner/pod/pod-worker.ts';
import type { Pod, PodStatus } from '../../../../src/kube/api.ts';
import { FakeContext } from './fake-context.ts';
import { makeContainer, makeObserved, makePod } from './make-observed.ts';

/** A runner that ends, and another after it. */
class Runners {
  readonly fake = new FakeContext();
  #stop = new AbortController();
  #pods: PodManager | undefined;

  constructor(t: Test) {
    t.teardown(() => this.end());
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#pods?.stopped();
  }

  /** The next one, which has been left the last one's status or none. */
  start(pod: Pod, lastStatus: PodStatus | undefined): PodWorker | undefined {
    this.#stop = new AbortController();
    const options = { context: this.fake.context, lastStatus: () => lastStatus };
    this.#pods = new PodManager(options, this.#stop.signal);
    this.#pods.setDesired([pod]);
    return this.#pods.list()[0];
  }

  /** A first one, until the pod runs; and it ends. */
  async runOnce(pod: Pod): Promise<PodStatus | undefined> {
    const worker = this.start(pod, undefined);
    await until('the pod to run', () => worker?.status?.phase === 'Running');
    await this.end();
    return worker?.status;
  }
}

void t.test('a start that ended with the runner is made again', async (t) => {
  for (const state of ['broken off', 'never made'] as const) {
    const runners = new Runners(t);
    const { runtime } = runners.fake;
    const pod = makePod({ restartPolicy: 'Never' });
    await runners.runOnce(pod);
    if (state === 'broken off') runtime.exit('web', 128, 'StartError');
    else for (const container of runtime.containers.values()) container.state = 'CONTAINER_CREATED';

    const worker = runners.start(pod, { phase: 'Pending' });
    await until('it to run', () => worker?.status?.phase === 'Running');
    t.match(worker?.status?.containerStatuses, [{ restartCount: 0, lastState: {} }], state);
    t.equal(runtime.containers.size, 1, 'and nothing is left of the first');
    const told = runners.fake.complaints.filter((line) => /start .* was broken off/.test(line));
    t.equal(told.length, 1, 'it is told once');
    runtime.exit('web', 0);
    worker?.wake();
    await until('its end', () => worker?.status?.phase === 'Succeeded');
    await runners.end();
  }
});

void t.test('a start that failed and was told of stays failed', async (t) => {
  const runners = new Runners(t);
  const { runtime } = runners.fake;
  const pod = makePod({ restartPolicy: 'Never' });
  const before = await runners.runOnce(pod);
  runtime.exit('web', 128, 'StartError');
  const [id] = runtime.containers.keys();
  const terminated = { exitCode: 128, reason: 'StartError', containerID: `containerd://${id}` };
  const worker = runners.start(pod, {
    ...before,
    containerStatuses: (before?.containerStatuses ?? []).map((status) => ({
      ...status,
      state: { terminated },
    })),
  });
  await until('its end', () => worker?.status?.phase === 'Failed');
  t.equal(runtime.calls.filter((call) => call === 'start').length, 1);
});

void t.test('only what is found at the first look counts as broken off', async (t) => {
  const runners = new Runners(t);
  const { runtime } = runners.fake;
  const pod = makePod({ restartPolicy: 'Never' });
  const worker = runners.start(pod, undefined);
  await until('the pod to run', () => worker?.status?.phase === 'Running');
  runtime.exit('web', 128, 'StartError');
  worker?.wake();
  await until('its end', () => worker?.status?.phase === 'Failed');
  t.match(worker?.status?.containerStatuses, [{ state: { terminated: { reason: 'StartError' } } }]);
});

void t.test('a start that was not over at the first look may still succeed', (t) => {
  const starts = new BrokenStarts(undefined);
  const at = (fields: Partial<ObservedContainer>): ObservedPod =>
    makeObserved({ containers: [makeContainer(fields)] });
  t.equal(starts.find(at({ state: 'created' })).length, 1);
  for (const seen of [
    at({ state: 'running' }),
    at({ state: 'exited', exitCode: 0, reason: 'Completed' }),
  ]) {
    t.same(starts.undo(seen), seen);
  }
  const broken = at({ state: 'exited', exitCode: 128, reason: 'StartError' });
  t.match(starts.undo(broken).containers, [{ state: 'created' }]);
  t.end();
});

void t.test('one of an earlier start does not hide how the last one ended', async (t) => {
  const runners = new Runners(t);
  const { runtime } = runners.fake;
  const pod = makePod({ restartPolicy: 'Never' });
  await runners.runOnce(pod);
  runtime.exit('web', 128, 'StartError');
  const [first] = runtime.containers.values();
  if (first === undefined) throw new TypeError('no container');
  runtime.containers.set('later', { ...first, id: 'later', attempt: 1, exitCode: 0, reason: '' });
  const worker = runners.start(pod, { phase: 'Running' });
  await until('its end', () => worker?.status?.phase === 'Succeeded');
});

async function until(what: string, condition: () => boolean): Promise<void> {
  await waitFor(condition, { what, timeoutMs: 10_000, intervalMs: 2 });
}
