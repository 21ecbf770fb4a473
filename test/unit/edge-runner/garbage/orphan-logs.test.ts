import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { removeOrphanLogs } from '../../../../src/edge-runner/garbage/orphan-logs.ts';

void t.test('logs go with the last who knows their pod', async (t) => {
  const logRoot = t.testdir({});
  const names = ['shop_web_known', 'shop_web_running', 'shop_web_gone', 'not-a-pod', 'a_b_c_d'];
  for (const name of names) await mkdir(join(logRoot, name, 'app'), { recursive: true });
  let asked = 0;
  const options = {
    logRoot,
    isKnown: (uid: string) => uid === 'known',
    cri: {
      listPodSandbox: () => {
        asked += 1;
        return Promise.resolve({
          items: [{ labels: { 'io.kubernetes.pod.uid': 'running' } }] as never,
        });
      },
    },
  };
  t.same(await removeOrphanLogs(options), ['shop_web_gone']);
  t.same((await readdir(logRoot)).sort(), [
    'a_b_c_d',
    'not-a-pod',
    'shop_web_known',
    'shop_web_running',
  ]);
  t.equal(asked, 1);
  await removeOrphanLogs({ ...options, isKnown: () => true });
  t.equal(asked, 1, 'the runtime is not bothered without need');
  t.same(await removeOrphanLogs({ ...options, logRoot: join(logRoot, 'nothing') }), []);
});
