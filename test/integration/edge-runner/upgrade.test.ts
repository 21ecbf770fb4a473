import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { run, runChecked } from '../../../hack/lab/command.ts';
import { busyboxImage } from '../../../hack/lab/images.ts';
import { createLab } from '../../../hack/lab/lab.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { sweepLabs } from '../../../hack/lab/remove-lab.ts';
import type { Pod } from '../../../src/kube/api.ts';
import { CutOffSite, isReady } from './cut-off-site.ts';
import { asDesired, makePod } from './engine.ts';

const progress = (line: string): void => {
  t.comment(line);
};
const root = join(import.meta.dirname, '../../..');
const siteFile = 'test/integration/edge-runner/cut-off-site.ts';

/** The commit before this one, when there is git, and one, and it has a site to start. */
const before = await run('git', ['cat-file', '-e', `HEAD~1:${siteFile}`], { cwd: root }).catch(
  () => ({ code: 1 }),
);

t.setTimeout(180_000);
await ensurePackages(progress);
await sweepLabs({ progress });
const lab = await createLab({ name: `upgrade-${process.pid}`, progress });
t.teardown(() => lab.stop());
const device = await lab.startDevice({ name: 'd' });

const configMap = { metadata: { name: 'conf', namespace: 'berlin' }, data: { color: 'green' } };
const web = makePod('web', {
  volumes: [{ name: 'conf', configMap: { name: 'conf' } }],
  containers: [
    {
      ...{ name: 'main', image: busyboxImage, command: ['sleep', '1000'] },
      volumeMounts: [{ name: 'conf', mountPath: '/conf' }],
    },
  ],
});

/** What a restart of a container would change. */
function runsOf(pods: readonly Pod[]): unknown[] {
  return pods.map(({ metadata, status }) => [
    metadata.name,
    status?.containerStatuses?.map(({ containerID, restartCount, state }) => [
      ...[containerID, restartCount, state.running?.startedAt],
    ]),
  ]);
}

const oneReady = (pods: Pod[]): boolean => pods.length === 1 && pods.every(isReady);

/** The other commit's own code, with this one's libraries. */
async function otherSite(dir: string): Promise<typeof CutOffSite> {
  await runChecked('sh', ['-c', `git archive HEAD~1 | tar -x -C "${dir}"`], { cwd: root });
  await symlink(join(root, 'node_modules'), join(dir, 'node_modules'));
  return ((await import(join(dir, siteFile))) as { CutOffSite: typeof CutOffSite }).CutOffSite;
}

void t.test(
  'an upgrade from the commit before restarts no container, and a downgrade works or says why not',
  { skip: before.code !== 0 && 'the commit before is not there' },
  async (t) => {
    const OldSite = await otherSite(t.testdir());
    const old = await OldSite.create(device);
    old.seed(asDesired('ConfigMap', configMap), asDesired('Pod', web));
    await old.start();
    const runs = runsOf(await old.until('the pod to be ready', oneReady));
    await old.stop();

    const site = await CutOffSite.open(device);
    await site.start();
    t.same(runsOf(await site.until('the pod to be ready still', oneReady)), runs);
    const exec = ['exec', 'web', '--', 'cat', '/conf/color'];
    t.match(await site.cli(exec), { stdout: 'green', code: 0 });
    await site.stop();

    await old.start();
    const back = await old
      .until('the pod to be ready in the older runner', oneReady)
      .catch(() => undefined);
    if (back !== undefined) t.same(runsOf(back), runs);
    else t.match(old.runner.logTail(), /was written by a newer runner/);
    await old.stop();

    await site.start();
    t.same(runsOf(await site.until('the pod to be ready at last', oneReady)), runs);
    await site.stop();
  },
);

void t.test('a runner that is killed and started anew restarts no container', async (t) => {
  const site = await CutOffSite.create(device, 'paris');
  const main = { name: 'main', image: busyboxImage, command: ['sleep', '1000'] };
  const pod = makePod('killed', { containers: [main] });
  site.seed(asDesired('Pod', pod));
  await site.start();
  const runs = runsOf(await site.until('the pod to be ready', oneReady));
  await site.runner.kill();
  await site.start();
  t.same(runsOf(await site.until('the pod to be ready still', oneReady)), runs);
  await site.clear();
});
