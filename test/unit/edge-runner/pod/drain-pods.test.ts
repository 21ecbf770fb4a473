import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { drainPods, type DrainedPod } from '../../../../src/edge-runner/pod/drain-pods.ts';

const log = { info: (): void => undefined };

/** A pod that ends when its gate opens; what it was given is written to `story`. */
function pod(
  name: string,
  priority: number | undefined,
  story: string[],
  ended: Promise<unknown> = Promise.resolve(),
): DrainedPod {
  return {
    pod: {
      metadata: { name },
      spec: { containers: [], ...(priority === undefined ? {} : { priority }) },
    },
    halt: async (seconds) => {
      story.push(`${name} gets ${seconds} s`);
      await ended;
      story.push(`${name} ended`);
    },
  };
}

void t.test(
  'ordinary pods end first, then critical ones, each in their part of the grace',
  async (t) => {
    const story: string[] = [];
    const pods = [pod('dns', 2_000_000_000, story), pod('web', undefined, story)];
    t.equal(await drainPods(pods, { totalMs: 30_000, criticalMs: 10_000 }, log), 0);
    t.same(story, ['web gets 20 s', 'web ended', 'dns gets 10 s', 'dns ended']);
  },
);

void t.test(
  'pods that do not end hold up the others only for their part of the grace',
  async (t) => {
    const story: string[] = [];
    const never = new Promise(() => undefined);
    const pods = [pod('stuck', 1, story, never), pod('web', 2, story), pod('dns', 2e9, story)];
    t.equal(await drainPods(pods, { totalMs: 60, criticalMs: 20 }, log, 10), 1);
    t.same(story.slice(-2), ['dns gets 0.02 s', 'dns ended']);
    t.ok(story.includes('web ended'));
  },
);

void t.test('what is killed when its time is over is waited for', async (t) => {
  for (const priority of [1, 2e9]) {
    const story: string[] = [];
    const killed = pod('stubborn', priority, story, delay(60));
    t.equal(await drainPods([killed], { totalMs: 20, criticalMs: 10 }, log), 0);
    t.equal(story.at(-1), 'stubborn ended', 'for the runtime kills it a moment later');
  }
});
