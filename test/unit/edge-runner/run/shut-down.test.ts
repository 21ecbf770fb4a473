import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { isMachineGoingDown } from '../../../../src/edge-runner/run/machine-shutdown.ts';
import { shutDownWhenAsked } from '../../../../src/edge-runner/run/shut-down.ts';

const grace = { totalMs: 30_000, criticalMs: 10_000 };

/** What a runner does, in order, when it is asked to end. */
async function shutDown(options: { drain: boolean; goesDown: boolean }): Promise<string[]> {
  const done: string[] = [];
  const asked = new AbortController();
  const stopped = new AbortController();
  const ended = shutDownWhenAsked(
    {
      ...{ asked: asked.signal, drain: options.drain, grace, log: pino({ level: 'silent' }) },
      isMachineGoingDown: () => Promise.resolve(options.goesDown),
      pods: {
        drain: (within) => {
          done.push(`pods end within ${within.totalMs} ms`);
          return Promise.resolve(0);
        },
      },
      node: { shutDown: () => done.push('the node is not ready') },
      stop: () => done.push('stop'),
    },
    stopped.signal,
  );
  asked.abort();
  await ended;
  return done;
}

const draining = ['the node is not ready', 'pods end within 30000 ms', 'stop'];

void t.test(
  'pods end with the runner where it was told so, or the machine goes down',
  async (t) => {
    t.same(await shutDown({ drain: false, goesDown: false }), ['stop'], 'else they stay');
    t.same(await shutDown({ drain: true, goesDown: false }), draining);
    t.same(await shutDown({ drain: false, goesDown: true }), draining);
  },
);

/** A systemd that says how it is. */
function systemd(t: Test, state: string, code: number): { runFolder: string; path: string } {
  const dir = t.testdir({
    run: {},
    bin: { systemctl: `#!/bin/sh\necho ${state}\nexit ${code}\n` },
  });
  chmodSync(join(dir, 'bin', 'systemctl'), 0o755);
  return { runFolder: join(dir, 'run'), path: join(dir, 'bin') };
}

void t.test('systemd says whether the whole machine goes down', async (t) => {
  t.ok(await isMachineGoingDown(systemd(t, 'stopping', 1)));
  t.notOk(await isMachineGoingDown(systemd(t, 'running', 0)));
  t.notOk(await isMachineGoingDown(systemd(t, 'degraded', 1)));
  t.notOk(await isMachineGoingDown({ ...systemd(t, 'stopping', 1), runFolder: '/nowhere' }));
  t.notOk(await isMachineGoingDown({ ...systemd(t, 'stopping', 1), path: '/nowhere' }));
});
