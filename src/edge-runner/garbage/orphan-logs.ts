import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CriClient } from '../cri/cri-client.ts';
import { labels } from '../pod/runtime.ts';

/** `<namespace>_<name>_<uid>`, as a kubelet names a pod's folder of logs. */
const podLogFolder = /^[a-z0-9-]+_[a-z0-9.-]+_([A-Za-z0-9-]+)$/;

/**
 * Removes the logs of pods that neither this runner nor the runtime has any more. Other folders are
 * left alone. Returns the folders that were removed. @throws CriError
 */
export async function removeOrphanLogs(options: {
  logRoot: string;
  isKnown: (podUid: string) => boolean;
  cri: Pick<CriClient, 'listPodSandbox'>;
}): Promise<string[]> {
  const { logRoot, isKnown, cri } = options;
  const unknown = (await namesIn(logRoot)).filter((name) => {
    const uid = podLogFolder.exec(name)?.[1];
    return uid !== undefined && !isKnown(uid);
  });
  if (unknown.length === 0) return [];
  const { items } = await cri.listPodSandbox({});
  const inRuntime = new Set(items.map((item) => item.labels[labels.podUid] ?? ''));
  const removed: string[] = [];
  for (const name of unknown) {
    const uid = podLogFolder.exec(name)?.[1] ?? '';
    // Asked again: a pod may have come meanwhile.
    if (inRuntime.has(uid) || isKnown(uid)) continue;
    await rm(join(logRoot, name), { recursive: true, force: true });
    removed.push(name);
  }
  return removed;
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}
