import { join } from 'node:path';
import t, { type Test } from 'tap';
import { compileRunner } from '../../hack/build-runner/compile-runner.ts';
import { armRunner } from '../../hack/lab/arm-runner.ts';
import { LabError } from '../../hack/lab/lab-error.ts';
import type { RunnerProgram } from '../../hack/lab/runner-program.ts';
import { waitFor } from '../../hack/lab/wait.ts';
import {
  disconnectGraceMs,
  isRunning,
  onEveryControlPlane,
  shellPod,
  type Cluster,
} from './cluster.ts';

const root = join(import.meta.dirname, '../..');
const progress = (line: string): void => {
  t.comment(line);
};

const runner = await runnerForArm();
if (runner !== undefined) await onEveryControlPlane(story, { runner });

/** The executable for ARM64, on this machine's own processor or on an emulated one. */
async function runnerForArm(): Promise<RunnerProgram | undefined> {
  const file = await compileRunner({ target: 'arm64', root, into: join(root, 'dist'), progress });
  try {
    return await armRunner(file, progress);
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    void t.test('the runner for ARM64', { skip: error.message }, () => undefined);
    return undefined;
  }
}

async function story(t: Test, cluster: Cluster): Promise<void> {
  const { site } = cluster;
  const nodeIs = async (path: string): Promise<string> =>
    cluster.kubectl('get', 'node', site.nodeName, `-o=jsonpath=${path}`);
  const untilReady = (status: string, timeoutMs: number): Promise<boolean> =>
    waitFor(
      async () => (await nodeIs('{.status.conditions[?(@.type=="Ready")].status}')) === status,
      { what: `the node to be Ready=${status}`, timeoutMs, intervalMs: 200 },
    );

  await t.test('its node says what machine it is', async (t) => {
    t.equal(await nodeIs('{.status.nodeInfo.architecture}'), 'arm64');
  });

  await cluster.apply(shellPod(cluster, 'hello', 'echo hello from ARM; sleep 100000'));
  const before = await cluster.untilPod('hello', 'Running', isRunning, 60_000);

  await t.test('logs and exec', async (t) => {
    t.equal(await cluster.kubectl('logs', 'hello'), 'hello from ARM\n');
    t.equal(await cluster.kubectl('exec', 'hello', '--', 'echo', 'answered'), 'answered\n');
  });

  await t.test('the uplink is cut and mended', async (t) => {
    await site.device.uplinkDown();
    await untilReady('Unknown', disconnectGraceMs + 45_000);
    t.match(await site.device.ctr('tasks', 'ls'), /RUNNING/, 'the pod runs on');
    await site.device.uplinkUp();
    await untilReady('True', 45_000);
    const after = await cluster.untilPod('hello', 'Running again', isRunning, 30_000);
    t.same(
      after.status?.containerStatuses?.map(({ containerID }) => containerID),
      before.status?.containerStatuses?.map(({ containerID }) => containerID),
      'it is the same container',
    );
    t.equal(await cluster.kubectl('exec', 'hello', '--', 'echo', 'again'), 'again\n');
  });

  await t.test('a pod that is deleted ends', async (t) => {
    await cluster.kubectl('delete', 'pod', 'hello', '--timeout=60s');
    t.equal(await cluster.pod('hello'), undefined);
  });
}
