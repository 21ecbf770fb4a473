import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { busyboxImage } from '../../../hack/lab/images.ts';
import { createLab } from '../../../hack/lab/lab.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import { asDesired, Engine, makePod } from './engine.ts';

const progress = (line: string): void => {
  t.comment(line);
};

t.setTimeout(120_000);
await ensurePackages(progress);
const lab = await createLab({ name: `lost-store-${process.pid}`, progress });
t.teardown(() => lab.stop());
const device = await lab.startDevice({ name: 'd' });

void t.test(
  'a runner whose store is damaged leaves running pods alone and takes them up again',
  async (t) => {
    const sleeping = (name: string): ReturnType<typeof makePod> =>
      makePod(name, {
        containers: [{ name: 'main', image: busyboxImage, command: ['sleep', '1000'] }],
      });
    const [kept, dropped] = [sleeping('kept'), sleeping('dropped')];
    const first = await Engine.start(device);
    first.put(asDesired('Pod', kept), asDesired('Pod', dropped));
    const before = await first.until(kept, 'Running', ({ phase }) => phase === 'Running');
    await first.until(dropped, 'Running', ({ phase }) => phase === 'Running');
    await first.stop();
    await writeFile(
      join(device.dir, 'towline', 'store.db'),
      'not a database, however long it may be',
    );

    const second = await Engine.start(device);
    t.teardown(() => second.stop());
    t.same(second.outbox.podUids(), [], 'the store is new');
    const fresh = sleeping('fresh');
    second.putSome(asDesired('Pod', fresh));
    await second.until(fresh, 'Running', ({ phase }) => phase === 'Running');
    const uids = (await second.context.observer.list()).map(({ uid }) => uid);
    t.ok(uids.includes(kept.metadata.uid ?? '') && uids.includes(dropped.metadata.uid ?? ''));
    const { containers } = await second.context.observer.observe(dropped.metadata.uid ?? '');
    t.match(containers, [{ state: 'running' }]);

    second.put(asDesired('Pod', kept));
    const after = await second.until(kept, 'Running', ({ phase }) => phase === 'Running');
    t.match(after.containerStatuses?.[0], {
      containerID: before.containerStatuses?.[0]?.containerID,
      restartCount: 0,
    });
    await waitFor(async () => (await second.context.observer.list()).length === 2, {
      what: 'the pod that nobody desires to end',
      timeoutMs: 20_000,
    });
  },
);
