import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { waitFor } from '../../../hack/lab/wait.ts';
import { CriClient } from '../../../src/edge-runner/cri/cri-client.ts';
import { GrpcChannel } from '../../../src/edge-runner/cri/grpc-channel.ts';
import type { Cluster } from '../../e2e/cluster.ts';
import { Random } from '../../fuzz/random.ts';
import { disagreements, type Scene } from './agreement.ts';
import { Fleet } from './fleet.ts';
import { killAndRestart, restartWhatGaveUp, victims, type Victim } from './victims.ts';

export interface KillOptions {
  /** The same seed gives the same order; moments are as exact as a machine is. */
  readonly seed: number;
  readonly rounds: number;
}

const maxMembers = 6;
/** Within this a round's kill comes, after the round has begun. */
const killWithinMs = 800;
const maxDownMs = 600;
/** What is not right so long after a round is told. */
const lateAfterMs = 10_000;
/** How long cloud and device may take to agree once everything runs again. */
const agreeWithinMs = 90_000;

/**
 * Rounds of SIGKILL at random moments while pods come and go. Each ends when everything runs again and
 * cloud and device agree; a round in which they don't fails the test.
 */
export async function killRounds(
  t: Test,
  cluster: Cluster,
  { seed, rounds }: KillOptions,
): Promise<void> {
  t.comment(`${rounds} rounds, FAULT_SEED=${seed}`);
  const random = new Random(seed);
  const channel = new GrpcChannel({ socketPath: cluster.site.device.socket });
  const fleet = new Fleet(cluster, random);
  const scene: Scene = { cluster, fleet, cri: new CriClient(channel), brokenOff: new Set() };
  const counts = new Map<string, number>();
  try {
    await fleet.prepare();
    for (let round = 1; round <= rounds; round += 1) {
      const done = await playRound(scene, random);
      for (const word of done.words) counts.set(word, (counts.get(word) ?? 0) + 1);
      const title = `round ${round}: ${done.story.join(', ')}; agreed after ${done.tookMs} ms`;
      if (done.late.length > 0) {
        counts.set('late', (counts.get('late') ?? 0) + 1);
        t.comment(`still after ${lateAfterMs} ms: ${done.late.join(', ')}`);
      }
      t.same(done.wrong, [], title);
      if (done.wrong.length === 0) continue;
      t.comment(await cluster.site.device.ctr('tasks', 'ls'));
      t.comment((await containersInCri(scene.cri)).join('\n'));
      t.comment(`the runner says:\n${cluster.site.runner.logTail(60)}`);
      break;
    }
    counts.set('begun twice as their start was broken off', scene.brokenOff.size);
    t.comment(`done: ${Array.from(counts, ([what, count]) => `${what} ${count}`).join(', ')}`);
  } finally {
    await channel.close();
  }
}

/** How each container stands, and why it ended. */
async function containersInCri(cri: CriClient): Promise<string[]> {
  const { containers } = await cri.listContainers();
  return Promise.all(
    containers.map(async ({ id, metadata, labels }) => {
      const { status } = await cri.containerStatus({ containerId: id });
      const { state, exitCode, reason, message } = status ?? {};
      const name = `${labels['io.kubernetes.pod.name'] ?? '?'} ${metadata?.name} ${metadata?.attempt}`;
      return `CRI: ${id} ${name} ${state} ${exitCode} ${reason} ${message}`;
    }),
  );
}

interface Round {
  readonly story: string[];
  /** What happened, in one word each. */
  readonly words: string[];
  readonly tookMs: number;
  readonly wrong: string[];
  /** What was still wrong when it had lasted long. */
  readonly late: string[];
}

async function playRound(scene: Scene, random: Random): Promise<Round> {
  const { cluster, fleet } = scene;
  const killed = pickVictims(random);
  const plans = killed.map((victim) => ({
    ...{ victim, atMs: random.below(killWithinMs), downMs: random.below(maxDownMs) },
  }));
  const changes = 1 + random.below(3);
  const story = plans.map(({ victim, atMs }) => `kill ${victim} at ${atMs} ms`);
  const churn = async (): Promise<void> => {
    for (let n = 0; n < changes; n += 1) story.push(await fleet.change(maxMembers));
  };
  await Promise.all([
    churn(),
    ...plans.map(async ({ victim, atMs, downMs }) => {
      await sleep(atMs);
      await killAndRestart(cluster, victim, downMs);
    }),
  ]);
  const startedAtMs = performance.now();
  const restarted = await restartWhatGaveUp(cluster);
  story.push(...restarted.map((name) => `restart ${name}`));
  const { wrong, late } = await untilAgreed(scene);
  const words = story.map((part) => /^kill \S+|^\S+/.exec(part)?.[0] ?? part);
  return { story, words, tookMs: Math.round(performance.now() - startedAtMs), wrong, late };
}

function pickVictims(random: Random): Victim[] {
  const first = random.pick(victims);
  const second = random.chance(0.2) ? random.pick(victims) : first;
  return [...new Set([first, second])];
}

/** @returns what is still wrong when the time is over, and what was after a while. */
async function untilAgreed(scene: Scene): Promise<{ wrong: string[]; late: string[] }> {
  let wrong: string[] = [];
  let late: string[] = [];
  const startedAtMs = performance.now();
  const agreed = waitFor(
    async () => {
      wrong = ['nothing could be asked'];
      wrong = await disagreements(scene);
      if (late.length === 0 && performance.now() - startedAtMs > lateAfterMs) late = wrong;
      return wrong.length === 0;
    },
    { what: 'cloud and device to agree', timeoutMs: agreeWithinMs, intervalMs: 100 },
  );
  await agreed.catch((error: unknown) => {
    if (wrong.length === 0) throw error;
  });
  return { wrong, late };
}

/** The seed of this run: FAULT_SEED, or one from the clock. */
export function faultSeed(): number {
  return Number(process.env['FAULT_SEED'] ?? Date.now() % 1_000_000_007);
}
