import t from 'tap';
import { createLab } from '../../../hack/lab/lab.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { sweepLabs } from '../../../hack/lab/remove-lab.ts';
import { claims } from './claims.ts';
import { hostPaths } from './host-paths.ts';
import { mountSharing } from './mount-sharing.ts';
import { plantedLinks } from './planted-links.ts';
import { userNamespaces } from './user-namespaces.ts';
import { volumeContents } from './volume-contents.ts';
import { VolumeScene } from './volume-scene.ts';

const progress = (line: string): void => {
  t.comment(line);
};

t.setTimeout(240_000);
await ensurePackages(progress);
await sweepLabs({ progress });
const lab = await createLab({ name: `volumes-${process.pid}`, progress });
const scene = await VolumeScene.start(await lab.startDevice({ name: 'd' }));
t.teardown(async () => {
  await scene.engine.stop();
  await lab.stop();
});

await t.test('contents', (t) => volumeContents(t, scene));
await t.test('folders and files of the device', (t) => hostPaths(t, scene));
await t.test('links', (t) => plantedLinks(t, scene));
await t.test('sharing', (t) => mountSharing(t, scene));
await t.test('claims', (t) => claims(t, scene));
await t.test('users', (t) => userNamespaces(t, scene));
