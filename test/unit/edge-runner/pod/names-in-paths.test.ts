import { resolve } from 'node:path';
import t from 'tap';
import type { Pod } from '../../../../src/kube/api.ts';
import {
  podCgroupParent,
  podCgroupParents,
} from '../../../../src/edge-runner/pod/cgroup-parent.ts';
import { containerLogPath, podLogDirectory } from '../../../../src/edge-runner/pod/pod-paths.ts';
import { seccompPath } from '../../../../src/edge-runner/pod/seccomp-path.ts';
import { checkpointName } from '../../../../src/edge-runner/streams/checkpoint-files.ts';
import { PodLayout } from '../../../../src/edge-runner/volumes/pod-layout.ts';

const hostile = [
  ...['..', '.', '', '/', '../x', '../../../etc', 'a/b', '/etc/passwd', 'a/../../b', 'x/..'],
  ...['a\0b', 'a\nb', '..%2f', '\\..\\x', 'ünïcode', '-rf', 'a'.repeat(300), '~', '$HOME', 'a b'],
];

function podNamed(parts: { namespace?: string; name?: string; uid?: string }): Pod {
  return {
    metadata: { namespace: 'shop', name: 'web', uid: 'uid-1', ...parts },
    spec: { containers: [{ name: 'app', image: 'i' }] },
  };
}

function checkpointOf(parts: { namespace?: string; pod?: string; container?: string }): string {
  const names = { namespace: 'shop', pod: 'web', container: 'app', ...parts };
  return checkpointName({ type: 'checkpoint', ...names, timeoutSeconds: 0 }, new Date(0));
}

const layout = new PodLayout({ rootDir: '/state', memoryDir: '/memory' });

/** Every way in which a name gets into a path. */
const ways: Record<string, (name: string) => unknown> = {
  'namespace of a log folder': (namespace) => podLogDirectory('/logs', podNamed({ namespace })),
  'pod of a log folder': (name) => podLogDirectory('/logs', podNamed({ name })),
  'uid of a log folder': (uid) => podLogDirectory('/logs', podNamed({ uid })),
  'container of a log file': (name) => containerLogPath(name, 0),
  'uid of a cgroup': (uid) => podCgroupParent(podNamed({ uid }), 'cgroupfs', '/towline'),
  'uid of a slice': (uid) => podCgroupParent(podNamed({ uid }), 'systemd', 'towline'),
  'uid of a forgotten cgroup': (uid) => podCgroupParents(uid, 'cgroupfs', '/towline'),
  'uid of a pod’s folder': (uid) => layout.podDirs(uid),
  'uid of a hosts file': (uid) => layout.etcHosts(podNamed({ uid })),
  'volume of a folder': (name) => layout.volumeDir(podNamed({}), { name, emptyDir: {} }),
  'container of a folder': (name) => layout.containerDir(podNamed({}), name),
  'volume of a subPath': (name) => layout.subPathTarget(podNamed({}), name, 'app', 0),
  'namespace of a checkpoint': (namespace) => checkpointOf({ namespace }),
  'pod of a checkpoint': (pod) => checkpointOf({ pod }),
  'container of a checkpoint': (container) => checkpointOf({ container }),
  'container of a subPath': (name) => layout.subPathTarget(podNamed({}), 'v', name, 0),
};

for (const [way, use] of Object.entries(ways)) {
  void t.test(`${way}: no name leads elsewhere`, (t) => {
    t.ok(use('a-name.of_1'));
    for (const name of hostile) t.throws(() => use(name), { code: 'UNSAFE_NAME' }, name);
    t.end();
  });
}

void t.test('profile of seccomp: no path leads out of its folder', (t) => {
  for (const profile of hostile) {
    let path: string;
    try {
      path = seccompPath('/profiles', profile);
    } catch (error) {
      t.match(error, { name: 'PodProblem' });
      continue;
    }
    t.match(resolve(path), /^\/profiles(\/|$)/, JSON.stringify(profile));
  }
  t.end();
});
