import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { busyboxImage } from '../../../hack/lab/images.ts';
import { createLab, type Lab } from '../../../hack/lab/lab.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { sweepLabs } from '../../../hack/lab/remove-lab.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import { StaticPods } from '../../../src/edge-runner/static-pods/static-pods.ts';
import { Engine } from './engine.ts';

const progress = (line: string): void => {
  t.comment(line);
};

t.setTimeout(120_000);
await ensurePackages(progress);
await sweepLabs({ progress });
const lab: Lab = await createLab({ name: `static-${process.pid}`, progress });
const device = await lab.startDevice({ name: 'd' });
const engine = await Engine.start(device);
const stop = new AbortController();
const dir = join(device.dir, 'manifests');
await mkdir(dir);
const statics = new StaticPods({
  ...{ dir, nodeName: 'd.test', log: engine.context.log },
  onChange: () => {
    engine.pods.setDesired(statics.pods);
  },
});
const following = statics.run(stop.signal);
t.teardown(async () => {
  stop.abort();
  await following;
  await engine.stop();
  await lab.stop();
});

await t.test(
  'a pod in a file runs without any cloud, is replaced with the file and goes with it',
  async (t) => {
    const manifest = (seconds: number): string =>
      [
        'apiVersion: v1',
        'kind: Pod',
        'metadata: {name: web}',
        'spec:',
        '  terminationGracePeriodSeconds: 0',
        `  containers: [{name: main, image: ${busyboxImage}, command: [sleep, "${seconds}"]}]`,
      ].join('\n');
    const running = (): string | undefined => {
      const pod = statics.pods[0];
      const status = pod && engine.status(pod);
      return status?.phase === 'Running' ? pod?.metadata.uid : undefined;
    };
    await writeFile(join(dir, 'web.yaml'), manifest(1000));
    const first = await waitFor(running, { what: 'the pod to run', timeoutMs: 40_000 });
    t.match(engine.pods.find('default', 'web-d.test')?.pod.metadata.uid, first);
    await writeFile(join(dir, 'web.yaml'), manifest(2000));
    const second = await waitFor(
      () => {
        const uid = running();
        return uid !== first && uid;
      },
      { what: 'another pod in its place', timeoutMs: 40_000 },
    );
    await waitFor(() => !engine.pods.has(first), {
      what: 'the first to be gone',
      timeoutMs: 20_000,
    });
    await writeFile(join(dir, 'web.yaml'), '');
    await waitFor(() => !engine.pods.has(second), { what: 'the second to go', timeoutMs: 40_000 });
    t.same((await engine.cri.listPodSandbox()).items, [], 'nothing is left of them');
  },
);
