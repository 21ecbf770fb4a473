import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '../../../src/kube/api.ts';
import { shellPod, type Cluster } from '../cluster.ts';

/** A pod that writes its starts and its end into the device's `story` folder, by its name. */
export function storyPod(cluster: Cluster, name: string, word = 'first'): object {
  return shellPod(
    cluster,
    name,
    script(word),
    { ...storyVolume(cluster), terminationGracePeriodSeconds: 10 },
    storyMount,
  );
}

export const storyMount = {
  volumeMounts: [{ name: 'story', mountPath: '/story' }],
  env: [{ name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
};

export function script(word: string): string {
  const write = (what: string): string => `echo ${word} ${what} >> /story/$NAME`;
  return `${write('starts')}; trap 'sleep 1; ${write('ends')}; exit 0' TERM; sleep 100000 & wait`;
}

export function storyDir({ site }: Cluster): string {
  return join(site.device.dir, 'story');
}

export function storyVolume(cluster: Cluster): object {
  return { volumes: [{ name: 'story', hostPath: { path: storyDir(cluster) } }] };
}

/** What a pod wrote, line by line. */
export async function told(cluster: Cluster, name: string): Promise<string[]> {
  const text = await readFile(join(storyDir(cluster), name), 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line !== '');
}

/** The id of a pod's first container, as the API tells it. */
export function containerId(pod: Pod | undefined): string | undefined {
  return pod?.status?.containerStatuses?.[0]?.containerID;
}
