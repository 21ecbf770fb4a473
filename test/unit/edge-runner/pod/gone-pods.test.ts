import { queryObjects } from 'node:v8';
import t from 'tap';
import { waitFor } from '../../../../hack/lab/wait.ts';
import { PodManager } from '../../../../src/edge-runner/pod/pod-manager.ts';
import { PodWorker } from '../../../../src/edge-runner/pod/pod-worker.ts';
import type { Pod } from '../../../../src/kube/api.ts';
import { FakeContext } from './fake-context.ts';
import { makePod } from './make-observed.ts';

const podCount = 20;

/** After a full collection of garbage. */
const workersInMemory = (): number => queryObjects(PodWorker, { format: 'count' });

void t.test('nothing of a pod stays in memory when it is gone', async (t) => {
  const fake = new FakeContext();
  const stop = new AbortController();
  const pods = new PodManager({ context: fake.context, lastStatus: () => undefined }, stop.signal);
  t.teardown(async () => {
    stop.abort();
    await pods.stopped();
  });
  const made = await comeAndGo(fake, pods);
  const podsInMemory = (): number => made.filter((ref) => ref.deref() !== undefined).length;
  await until('workers and pods to be out of memory', () => {
    return workersInMemory() + podsInMemory() === 0;
  });
});

/** Pods come, run, and go. */
async function comeAndGo(fake: FakeContext, pods: PodManager): Promise<WeakRef<Pod>[]> {
  const desired = Array.from({ length: podCount }, (_, n) => named(`uid-${n}`));
  pods.setDesired(desired);
  await until('all to run', () => pods.list().every(({ status }) => status?.phase === 'Running'));
  if (workersInMemory() !== podCount) throw new TypeError('workers are not found in memory');
  pods.setDesired([]);
  await until('all to be forgotten', () => fake.forgotten.length === podCount);
  return desired.map((pod) => new WeakRef(pod));
}

function named(uid: string): Pod {
  const pod = makePod({ terminationGracePeriodSeconds: 0 });
  return { ...pod, metadata: { ...pod.metadata, name: uid, uid } };
}

async function until(what: string, condition: () => boolean): Promise<void> {
  await waitFor(condition, { what, timeoutMs: 30_000, intervalMs: 2 });
}
