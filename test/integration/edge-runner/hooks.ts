import type { Test } from 'tap';
import type { Pod } from '../../../src/kube/api.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import { asDesired, makePod } from './engine.ts';
import { scripted, type PodScene } from './pod-scene.ts';

/** Hooks that need no network; the others have their tests where the runner shares that of the pods. */
export async function hooks(t: Test, scene: PodScene): Promise<void> {
  await t.test('a sleep before the end', (t) => slept(t, scene));
  await t.test('a request after the start that nobody answers', (t) => unanswered(t, scene));
}

/** Deletes a pod, and returns how long it took to go, in ms. */
async function end({ engine }: PodScene, pod: Pod): Promise<number> {
  const begunAtMs = performance.now();
  const { uid } = pod.metadata;
  engine.put(asDesired('Pod', { ...pod, metadata: { ...pod.metadata, deletionTimestamp: 'now' } }));
  await waitFor(
    () => engine.outbox.take().pods.some((report) => report.uid === uid && report.gone),
    {
      ...{ what: `${pod.metadata.name} to be gone`, timeoutMs: 25_000, intervalMs: 20 },
    },
  );
  engine.remove(pod);
  return performance.now() - begunAtMs;
}

async function slept(t: Test, scene: PodScene): Promise<void> {
  const pod = makePod('sleeps', {
    terminationGracePeriodSeconds: 20,
    containers: [
      scripted('trap "exit 0" TERM; while :; do sleep 0.1; done', {
        lifecycle: { preStop: { sleep: { seconds: 2 } } },
      }),
    ],
  });
  scene.engine.put(asDesired('Pod', pod));
  await scene.engine.until(pod, 'Running', ({ phase }) => phase === 'Running');
  const tookMs = await end(scene, pod);
  t.ok(tookMs >= 2000, `it took ${tookMs} ms`);
  t.ok(tookMs < 15_000, 'and not the whole grace');
}

async function unanswered(t: Test, scene: PodScene): Promise<void> {
  const pod = makePod('unanswered', {
    containers: [
      scripted('trap "exit 0" TERM; while :; do sleep 0.1; done', {
        lifecycle: { postStart: { httpGet: { host: '127.0.0.1', path: '/', port: 9 } } },
      }),
    ],
  });
  scene.engine.put(asDesired('Pod', pod));
  const failed = await scene.untilEvent(pod, 'FailedPostStartHook', /./);
  t.match(failed, { type: 'Warning', message: 'PostStartHook failed' });
  t.match(await scene.untilEvent(pod, 'Killing', /./), {
    ...{ type: 'Normal', message: 'FailedPostStartHook', fieldPath: 'spec.containers{main}' },
  });
  scene.engine.remove(pod);
}
