import { join } from 'node:path';
import type { Pod, Volume } from '../../kube/api.ts';
import { safeName } from './safe-name.ts';

/** Kinds of volumes, by their field in the API. */
export type VolumeKind = OwnKind | (typeof elsewhere)[number];

/** Kinds whose files the runner itself makes. */
type OwnKind = 'emptyDir' | 'configMap' | 'secret' | 'downwardAPI' | 'projected';

/** Kinds whose files lie somewhere else. */
const elsewhere = ['hostPath', 'nfs', 'persistentVolumeClaim', 'ephemeral', 'image'] as const;

/** A kubelet's names of the folders, and whether the contents must never reach a disk. */
const folders: Record<OwnKind, { name: string; inMemory: boolean }> = {
  emptyDir: { name: 'kubernetes.io~empty-dir', inMemory: false },
  configMap: { name: 'kubernetes.io~configmap', inMemory: false },
  downwardAPI: { name: 'kubernetes.io~downward-api', inMemory: false },
  secret: { name: 'kubernetes.io~secret', inMemory: true },
  projected: { name: 'kubernetes.io~projected', inMemory: true },
};

/** Of what is mounted into a pod's folder. */
export const mountFolders = { local: 'kubernetes.io~local-volume', nfs: 'kubernetes.io~nfs' };

const ownKinds = Object.keys(folders) as OwnKind[];

/** The kind of a volume; a volume without any source is an emptyDir, as in the API. */
export function volumeKind(volume: Volume): VolumeKind {
  return [...ownKinds, ...elsewhere].find((kind) => volume[kind] !== undefined) ?? 'emptyDir';
}

/**
 * Where a pod's files lie: a kubelet's layout, in `rootDir` and, for what must stay off the disk, in
 * `memoryDir`. Names that could lead elsewhere are refused.
 */
export class PodLayout {
  readonly rootDir: string;
  readonly memoryDir: string;

  constructor(options: { rootDir: string; memoryDir: string }) {
    this.rootDir = options.rootDir;
    this.memoryDir = options.memoryDir;
  }

  /** Folders whose entries are the uids of pods. */
  get podParents(): [disk: string, memory: string] {
    return [join(this.rootDir, 'pods'), join(this.memoryDir, 'pods')];
  }

  /** Everything of a pod, on disk and in memory. @throws VolumeError `UNSAFE_NAME` */
  podDirs(podUid: string): [disk: string, memory: string] {
    const [disk, memory] = this.podParents;
    return [join(disk, safeName(podUid)), join(memory, safeName(podUid))];
  }

  /** The folder of a volume whose files the runner makes. @throws VolumeError `UNSAFE_NAME` */
  volumeDir(pod: Pod, volume: Volume): string {
    const folder = folders[ownKinds.find((kind) => volume[kind] !== undefined) ?? 'emptyDir'];
    const [disk, memory] = this.podDirs(uidOf(pod));
    return join(folder.inMemory ? memory : disk, 'volumes', folder.name, safeName(volume.name));
  }

  /** Where a volume is mounted for a pod. @throws VolumeError `UNSAFE_NAME` */
  mountDir(pod: Pod, kind: keyof typeof mountFolders, name: string): string {
    const [disk] = this.podDirs(uidOf(pod));
    return join(disk, 'volumes', mountFolders[kind], safeName(name));
  }

  /** Where a container's `subPath` is bound: one place for each of its mounts. */
  subPathTarget(pod: Pod, volumeName: string, containerName: string, mountIndex: number): string {
    const names = [safeName(volumeName), safeName(containerName), String(mountIndex)];
    return join(this.podDirs(uidOf(pod))[0], 'volume-subpaths', ...names);
  }

  etcHosts(pod: Pod): string {
    return join(this.podDirs(uidOf(pod))[0], 'etc-hosts');
  }

  containerDir(pod: Pod, containerName: string): string {
    return join(this.podDirs(uidOf(pod))[0], 'containers', safeName(containerName));
  }
}

/** Mode of folders that only the runner and the runtime go through. */
export const privateMode = 0o750;

function uidOf(pod: Pod): string {
  return pod.metadata.uid ?? '';
}
