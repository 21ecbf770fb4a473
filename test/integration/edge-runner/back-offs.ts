import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { systemClock, type Clock } from '../../../src/edge-runner/pod/clock.ts';
import type { ContainerStatus, Pod } from '../../../src/kube/api.ts';
import { asDesired, makePod } from './engine.ts';
import { scripted, type PodScene } from './pod-scene.ts';

/**
 * The time of this machine, in which delays pass as fast as a test wants. The runtime writes its wall
 * clock, so that stays as it is.
 */
export class HastenedClock implements Clock {
  #aheadMs = 0;

  wallMs(): number {
    return systemClock.wallMs();
  }

  monotonicMs(): number {
    return systemClock.monotonicMs() + this.#aheadMs;
  }

  hasten(ms: number): void {
    this.#aheadMs += ms;
  }
}

/** How long a container that ends again and again waits, by a clock that the test sets forward. */
export async function backOffs(t: Test, scene: PodScene, clock: HastenedClock): Promise<void> {
  const folder = join(scene.device.dir, 'back-offs');
  await mkdir(folder);
  const stay = join(folder, 'stay');
  const pod = makePod('crashes', {
    containers: [
      scripted('while [ -e /d/stay ]; do sleep 0.1; done; exit 1', {
        volumeMounts: [{ name: 'd', mountPath: '/d' }],
      }),
    ],
    volumes: [{ name: 'd', hostPath: { path: folder } }],
  });
  scene.engine.put(asDesired('Pod', pod));
  const pass = (seconds: number): void => {
    clock.hasten(seconds * 1000);
    // Its worker sleeps by the machine's time, and looks when its pod changes.
    const annotations = { seen: String(clock.monotonicMs()) };
    scene.engine.put(asDesired('Pod', { ...pod, metadata: { ...pod.metadata, annotations } }));
  };
  const until = (what: string, is: (main: ContainerStatus) => boolean): Promise<unknown> =>
    scene.engine.until(pod, what, ({ containerStatuses: [main] = [] }) =>
      Boolean(main && is(main)),
    );
  const waits = (delay: string, restartCount: number): Promise<unknown> =>
    until(`waiting ${delay}`, (main) => isWaiting(main, pod, delay, restartCount));

  const delays = ['10s', '20s', '40s', '1m20s', '2m40s', '5m0s', '5m0s'];
  for (const [place, delay] of delays.entries()) {
    await waits(delay, place + 1);
    t.pass(`${delay} after ${place + 1} restarts`);
    if (place === delays.length - 1) await writeFile(stay, '');
    pass(secondsOf(delay));
  }
  await until('up for once', ({ state }) => state.running !== undefined);
  pass(601);
  await rm(stay);
  await waits('10s', delays.length + 2);
  t.pass('one that ran for ten minutes begins anew: it restarts at once, then waits 10 s');
  scene.engine.remove(pod);
}

function isWaiting(
  { state: { waiting }, restartCount }: ContainerStatus,
  { metadata: { name, uid = '' } }: Pod,
  delay: string,
  wanted: number,
): boolean {
  const message = `back-off ${delay} restarting failed container=main pod=${name}_berlin(${uid})`;
  return (
    waiting?.reason === 'CrashLoopBackOff' && waiting.message === message && restartCount === wanted
  );
}

/** As in `2m40s`. */
function secondsOf(delay: string): number {
  const [, minutes = '0', seconds = '0'] = /^(?:(\d+)m)?(\d+)s$/.exec(delay) ?? [];
  return Number(minutes) * 60 + Number(seconds);
}
