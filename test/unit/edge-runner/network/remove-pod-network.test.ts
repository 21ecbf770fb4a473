import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { cniConfigName } from '../../../../src/edge-runner/network/cni-file.ts';
import { removePodNetwork } from '../../../../src/edge-runner/network/remove-pod-network.ts';

void t.test('an interface that cannot be removed is told of, and keeps no other', async (t) => {
  const configDir = t.testdir({ [cniConfigName]: '{}' });
  let links = ['tlbw1', 'tlbw2', 'tlbw3', 'other'];
  const { removed, left } = await removePodNetwork({ configDir, pluginDirs: [] }, (_, args) => {
    if (args.includes('show')) {
      return Promise.resolve(JSON.stringify(links.map((ifname) => ({ ifname }))));
    }
    const name = args.at(-1) ?? '';
    if (name === 'tlbw1') return Promise.reject(new Error('Command failed: ip\nNot permitted\n'));
    links = links.filter((link) => link !== name);
    if (name === 'tlbw2') return Promise.reject(new Error('Cannot find device "tlbw2"'));
    return Promise.resolve('');
  });
  t.same(
    removed.filter((what) => !what.includes('bridge')),
    [join(configDir, cniConfigName), 'the interface tlbw3'],
  );
  t.same(left, [
    'the interface tlbw1 cannot be removed (Error: Command failed: ip: Not permitted) and is left there: ip link delete tlbw1 removes it',
  ]);
  t.same(links, ['tlbw1', 'other'], 'one that has gone by itself is not left');
  t.same(await readdir(configDir), []);
});
