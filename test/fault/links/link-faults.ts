import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { tunnelPort } from '../../../hack/lab/towline.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import type { Cluster } from '../../e2e/cluster.ts';
import type { Random } from '../../fuzz/random.ts';
import { Turns } from './turns.ts';

/** How long each trouble lasts. */
export interface LinkFaultOptions {
  readonly random: Random;
  readonly flappingMs: number;
  readonly lostDirectionMs: readonly number[];
  /** Absent: the uplink doesn't get slow. */
  readonly trickleMs?: number;
}

/** Cloud and device must agree so long after a link is whole again. */
const mendWithinMs = 10_000;
/** How long it is waited for all the same, so that the test can say how long it took. */
const giveUpAfterMs = 90_000;
/** One end of a connection may notice only by its own next ping that there is no other end. */
const pingMs = 20_000;
const flapMs = { min: 500, max: 4_000 };
const trickleKbitPerS = 8;

/**
 * An uplink that flaps, loses one direction, one end of its connections, or nearly all of its bandwidth,
 * while both ends change things. Pods run through all of it, and both ends agree soon after.
 */
export async function linkFaults(
  t: Test,
  cluster: Cluster,
  options: LinkFaultOptions,
): Promise<void> {
  const { device } = cluster.site;
  const turns = new Turns(cluster);
  await turns.prepare();
  t.comment(
    'At each turn the cloud changes a ConfigMap that a pod has mounted, creates a pod and deletes the last one, and on the device a pod becomes ready or unready. Both ends agree when the API has the site connected and its node ready, the new pod runs and no older one is left, the pod on the device reads the new ConfigMap and its readiness is in the API, and the device has a container and a sandbox for each pod and no more.',
  );
  const scene: Scene = { cluster, turns, options };
  for (const ms of options.lostDirectionMs) {
    for (const direction of ['to-cloud', 'from-cloud'] as const) {
      await t.test(`for ${ms} ms nothing comes through ${direction}`, async (t) => {
        await device.blackhole(direction);
        await Promise.all([turns.next(), delay(ms)]);
        await device.unblackhole(direction);
        await untilAgreed(t, scene, mendWithinMs);
      });
    }
  }
  await t.test('half-open: the device has lost its end, the provider not', async (t) => {
    await device.loseConnections('device', tunnelPort);
    await turns.next();
    await untilAgreed(t, scene, mendWithinMs);
  });
  await t.test('half-open: the provider has lost its end, the device not', async (t) => {
    await device.loseConnections('host', tunnelPort);
    await turns.next();
    await untilAgreed(t, scene, pingMs + mendWithinMs);
  });
  const { trickleMs } = options;
  if (trickleMs !== undefined) {
    await t.test('an uplink of 1 kB/s', (t) => trickle(t, scene, trickleMs));
  }
  await t.test('an uplink that flaps', (t) => flapping(t, scene));
  await turns.remove();
}

interface Scene {
  readonly cluster: Cluster;
  readonly turns: Turns;
  readonly options: LinkFaultOptions;
}

/** Slow as it is, what changes gets through, on the connection that there was and on a new one. */
async function trickle(t: Test, scene: Scene, lastsMs: number): Promise<void> {
  const { cluster, turns } = scene;
  const { device } = cluster.site;
  const until = performance.now() + lastsMs;
  await device.limitUplink(trickleKbitPerS);
  do {
    await turns.next();
    const tookMs = await agreementMs(scene);
    t.pass(`turn ${turns.count} comes through at 1 kB/s, within ${tookMs} ms`);
  } while (performance.now() < until);
  await device.loseConnections('device', tunnelPort);
  await turns.next();
  const tookMs = await agreementMs(scene);
  t.pass(`turn ${turns.count} comes through on a new connection, within ${tookMs} ms`);
  await turns.next();
  await device.limitUplink(undefined);
  await untilAgreed(t, scene, mendWithinMs);
}

async function flapping(t: Test, scene: Scene): Promise<void> {
  const { cluster, turns, options } = scene;
  const { device } = cluster.site;
  const randomMs = (): number => flapMs.min + options.random.below(flapMs.max - flapMs.min);
  const until = performance.now() + options.flappingMs;
  let flaps = 0;
  let agreements = 0;
  while (performance.now() < until) {
    flaps += 1;
    await device.uplinkDown();
    await Promise.all([turns.next(), delay(randomMs())]);
    await device.uplinkUp();
    await delay(randomMs());
    if ((await turns.wrong()).length === 0) agreements += 1;
  }
  t.comment(
    `the uplink went down ${flaps} times, for ${flapMs.min} to ${flapMs.max} ms each, with a turn while it was down; ${agreements} times both ends agreed before it went down again`,
  );
  await untilAgreed(t, scene, mendWithinMs);
}

async function untilAgreed(t: Test, scene: Scene, withinMs: number): Promise<void> {
  const tookMs = await agreementMs(scene);
  const said = `the link whole again, both ends agree on turn ${scene.turns.count} after ${tookMs} ms`;
  t.ok(tookMs <= withinMs, `${said}, at most ${withinMs}`);
  t.same(await scene.turns.restarted(), [], 'the two lasting pods have the containers they had');
}

async function agreementMs({ turns }: Scene): Promise<number> {
  const startedAtMs = performance.now();
  let wrong: string[] = [];
  await waitFor(async () => (wrong = await turns.wrong()).length === 0, {
    ...{ what: 'both ends to agree', timeoutMs: giveUpAfterMs, intervalMs: 100 },
    explain: () => wrong.join(', '),
  });
  return Math.round(performance.now() - startedAtMs);
}
