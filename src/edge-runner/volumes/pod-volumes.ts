import { join } from 'node:path';
import type {
  Container,
  Pod,
  ServiceAccountTokenProjection,
  Volume,
  VolumeMount,
} from '../../kube/api.ts';
import { hasContents, writeAtomically, writeFirst } from './atomic-writer.ts';
import { makeMemoryVolume, makeVolumeDir, memoryVolumeBytes } from './empty-dir.ts';
import { checkHostPath } from './host-path.ts';
import type { Mounter } from './mounter.ts';
import { payloadOf, type VolumeSources } from './payload.ts';
import { mountLocal } from './local-volume.ts';
import { mountedToken } from './mounted-token.ts';
import { mountNfs } from './nfs-volume.ts';
import { PodLayout } from './pod-layout.ts';
import { namesIn, tearDown } from './pod-teardown.ts';
import { maxEnvFileBytes } from './limits.ts';
import { readInside } from './read-inside.ts';
import { bindSubPath, checkSubPath } from './sub-path.ts';
import type { VolumeBacking } from './volume-backing.ts';
import { VolumeBackings } from './volume-backings.ts';
import { setupError, VolumeError } from './volume-error.ts';

export type { VolumeSources } from './payload.ts';

export interface PodVolumesOptions {
  /** On disk, for example `/var/lib/towline`. */
  rootDir: string;
  /** On a tmpfs; see `ensureMemoryDir`. */
  memoryDir: string;
  mount: Mounter;
  log: { warn(fields: object, message: string): void };
}

/**
 * The volumes of all pods on a device, in a kubelet's layout. All that is kept is on disk and in the
 * kernel's mount table, so a runner that was restarted goes on where the last one ended. Calls for
 * one pod run one after another.
 */
export class PodVolumes {
  readonly #layout: PodLayout;
  readonly #mount: Mounter;
  readonly #log: PodVolumesOptions['log'];
  readonly #backings = new VolumeBackings();
  readonly #lastCall = new Map<string, Promise<unknown>>();

  constructor({ rootDir, memoryDir, mount, log }: PodVolumesOptions) {
    this.#layout = new PodLayout({ rootDir, memoryDir });
    this.#mount = mount;
    this.#log = log;
  }

  /**
   * Sets up all volumes of a pod; those that are there are kept, and their contents brought up to date.
   * @returns where each volume is on the device; '' for what the runtime mounts.
   * @throws VolumeError for the first volume that can't be had; the others are set up nevertheless.
   *   `NOT_RENEWED` when all are there and one holds older contents: containers can start.
   */
  prepare(
    pod: Pod,
    sources: VolumeSources,
    signal?: AbortSignal,
  ): Promise<Map<string, { hostPath: string }>> {
    const volumes = pod.spec.volumes ?? [];
    return this.#inTurn(pod.metadata.uid, async () => {
      const paths = await this.#forEach(pod, volumes, async (volume) => {
        await this.#setUp(pod, volume, sources, signal);
        return [volume.name, { hostPath: this.#pathOf(pod, volume) }] as const;
      });
      return new Map(paths);
    });
  }

  /**
   * Brings changed contents into the volumes of a running pod, each in one step. What has gone
   * missing in the cloud stays as it was.
   * @returns whether anything changed.
   * @throws VolumeError for the first volume that can't be had; the others are refreshed nevertheless.
   */
  refresh(pod: Pod, sources: VolumeSources, signal?: AbortSignal): Promise<boolean> {
    return this.#inTurn(pod.metadata.uid, async () => {
      this.#backings.note(pod, sources);
      const changes = await this.#forEach(pod, pod.spec.volumes ?? [], (volume) =>
        this.#writeContents(pod, volume, sources, signal),
      );
      return changes.includes(true);
    });
  }

  /**
   * What to mount for one of a container's `volumeMounts`, its `subPathExpr` expanded by
   * `withSubPath`. A `subPath` is made where it is missing.
   * @throws VolumeError `NO_SUCH_VOLUME`, `SUB_PATH` with the kubelet's words
   */
  mountFor(
    pod: Pod,
    container: Container,
    volumeMount: VolumeMount,
    signal?: AbortSignal,
  ): Promise<{ hostPath: string; readOnly: boolean }> {
    const volume = pod.spec.volumes?.find(({ name }) => name === volumeMount.name);
    if (volume === undefined) {
      const message = `cannot find volume ${JSON.stringify(volumeMount.name)} to mount into container ${JSON.stringify(container.name)}`;
      return Promise.reject(new VolumeError('NO_SUCH_VOLUME', message));
    }
    if (volumeMount.subPathExpr) {
      const message = `the subPathExpr of volumeMount ${JSON.stringify(volume.name)} of container ${JSON.stringify(container.name)} was not expanded`;
      return Promise.reject(new VolumeError('SUB_PATH', message));
    }
    return this.#inTurn(pod.metadata.uid, async () => ({
      hostPath: volumeMount.subPath
        ? await this.#subPath({ pod, container, volume, volumeMount }, signal)
        : this.#pathOf(pod, volume),
      readOnly: volumeMount.readOnly === true || this.#backing(pod, volume).readOnly,
    }));
  }

  /** The token that a pod has mounted, if its volume is still there; waits for no other call. */
  mountedToken(pod: Pod, projection: ServiceAccountTokenProjection): Promise<string | undefined> {
    return mountedToken(this.#layout, pod, projection);
  }

  /**
   * A file of an `emptyDir` of the pod, and where it is on the device.
   * @throws VolumeError `NO_SUCH_VOLUME`, `SUB_PATH`; TypeError as `readInside`
   */
  readFile(
    pod: Pod,
    { volumeName, path }: { volumeName: string; path: string },
  ): Promise<{ path: string; text: string }> {
    const volume = pod.spec.volumes?.find(({ name }) => name === volumeName);
    if (volume?.emptyDir === undefined) {
      const message = `cannot find the volume ${JSON.stringify(volumeName)} referenced by FileKeyRef`;
      return Promise.reject(new VolumeError('NO_SUCH_VOLUME', message));
    }
    return this.#inTurn(pod.metadata.uid, async () => {
      checkSubPath(path);
      const directory = this.#pathOf(pod, volume);
      const text = await readInside(directory, path, maxEnvFileBytes);
      return { path: join(directory, path), text };
    });
  }

  /** Leaves nothing of a pod mounted or on disk. @throws VolumeError `UNMOUNT_FAILED` */
  teardown(podUid: string, signal?: AbortSignal): Promise<void> {
    return this.#inTurn(podUid, async () => {
      try {
        await tearDown(this.#layout.podDirs(podUid), this.#mount, signal);
        this.#backings.forget(podUid);
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof VolumeError) throw error;
        throw new VolumeError(
          'UNMOUNT_FAILED',
          `the volumes of pod ${podUid} can't be removed: ${(error as Error).message}`,
          { cause: error },
        );
      }
    });
  }

  /** The uids of all pods that have anything left on the device. */
  async podsOnDisk(): Promise<string[]> {
    const names = await Promise.all(this.#layout.podParents.map(namesIn));
    return Array.from(new Set(names.flat()));
  }

  async #setUp(
    pod: Pod,
    volume: Volume,
    sources: VolumeSources,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const backing = this.#backings.resolve(pod, volume, sources);
    switch (backing.kind) {
      case 'hostPath':
        return checkHostPath(backing.path, backing.type);
      case 'local':
      case 'nfs':
        return this.#mountBacking(pod, backing, sources, signal);
      case 'image':
        return;
      case 'emptyDir':
        return this.#makeEmptyDir(pod, volume, sources, signal);
      case 'contents':
        return this.#renew(pod, volume, sources, signal);
    }
  }

  /**
   * A kubelet starts containers again by the volumes that are mounted, also when what they were made of
   * is gone (getUnmountedVolumes in pkg/kubelet/volumemanager). One that was never made to its end is
   * not mounted.
   */
  async #renew(
    pod: Pod,
    volume: Volume,
    sources: VolumeSources,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const wasMade = await hasContents(this.#layout.volumeDir(pod, volume));
    try {
      await this.#writeContents(pod, volume, sources, signal);
    } catch (cause) {
      signal?.throwIfAborted();
      if (!wasMade) throw cause;
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new VolumeError('NOT_RENEWED', message, { cause });
    }
  }

  #mountBacking(
    pod: Pod,
    backing: VolumeBacking & { kind: 'local' | 'nfs' },
    sources: VolumeSources,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const directory = this.#layout.mountDir(pod, backing.kind, backing.name);
    const mount = this.#mount;
    if (backing.kind === 'nfs') {
      return this.#inTurn(directory, () => mountNfs({ ...backing, directory, mount }, signal));
    }
    const { fsGroup, fsGroupChangePolicy } = pod.spec.securityContext ?? {};
    const warn = (reason: string, message: string): void => {
      sources.warn(pod, reason, message);
    };
    const groups = { fsGroup, fsGroupChangePolicy };
    // One claim may stand behind two volumes of a pod.
    return this.#inTurn(directory, () =>
      mountLocal({ ...backing, ...groups, directory, mount, warn }, signal),
    );
  }

  async #makeEmptyDir(
    pod: Pod,
    volume: Volume,
    sources: VolumeSources,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const fsGroup = pod.spec.securityContext?.fsGroup;
    const directory = this.#layout.volumeDir(pod, volume);
    if (volume.emptyDir?.medium !== 'Memory') {
      await makeVolumeDir(directory, fsGroup);
      return;
    }
    const { allocatable } = sources.fieldContext(pod);
    const sizeBytes = memoryVolumeBytes(pod, volume, allocatable);
    return makeMemoryVolume(directory, { mount: this.#mount, sizeBytes, fsGroup }, signal);
  }

  #backing(pod: Pod, volume: Volume): VolumeBacking {
    const backing = this.#backings.known(pod, volume);
    if (backing !== undefined) return backing;
    throw new VolumeError('SETUP_FAILED', `volume ${JSON.stringify(volume.name)} is not set up`);
  }

  /** Where a volume that was set up is on the device. */
  #pathOf(pod: Pod, volume: Volume): string {
    const backing = this.#backing(pod, volume);
    switch (backing.kind) {
      case 'image':
        return '';
      case 'hostPath':
        return backing.path;
      case 'local':
      case 'nfs':
        return this.#layout.mountDir(pod, backing.kind, backing.name);
      case 'emptyDir':
      case 'contents':
        return this.#layout.volumeDir(pod, volume);
    }
  }

  async #writeContents(
    pod: Pod,
    volume: Volume,
    sources: VolumeSources,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const payload = await unlessAborted(payloadOf(pod, volume, sources), signal);
    if (payload === undefined) return false;
    const fsGroup = pod.spec.securityContext?.fsGroup;
    const directory = this.#layout.volumeDir(pod, volume);
    const isNew = await makeVolumeDir(directory, fsGroup);
    if (!isNew) return writeAtomically(directory, payload, fsGroup);
    await writeFirst(directory, payload, fsGroup);
    return true;
  }

  async #subPath(
    { pod, container, volume, volumeMount }: SubPathRequest,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const { subPath = '' } = volumeMount;
    checkSubPath(subPath);
    const index = (container.volumeMounts ?? []).findIndex(
      ({ mountPath }) => mountPath === volumeMount.mountPath,
    );
    const target = this.#layout.subPathTarget(pod, volume.name, container.name, index);
    const volumeDir = this.#pathOf(pod, volume);
    try {
      await bindSubPath({ volumeDir, subPath, target, mount: this.#mount }, signal);
      return target;
    } catch (error) {
      signal?.throwIfAborted();
      this.#log.warn({ err: error, volume: volume.name, container: container.name }, 'no subPath');
      // The details could tell a container about the device.
      const message = `failed to prepare subPath for volumeMount ${JSON.stringify(volume.name)} of container ${JSON.stringify(container.name)}`;
      throw new VolumeError('SUB_PATH', message, { cause: error });
    }
  }

  async #forEach<T>(
    pod: Pod,
    volumes: Volume[],
    work: (volume: Volume) => Promise<T>,
  ): Promise<T[]> {
    const results = await Promise.allSettled(
      volumes.map(async (volume) => {
        try {
          return await work(volume);
        } catch (error) {
          const name = this.#backings.known(pod, volume)?.name ?? volume.name;
          throw setupError(name, error);
        }
      }),
    );
    const failures = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as unknown] : [],
    );
    if (failures.length > 0) throw failures.find((error) => !isNotRenewed(error)) ?? failures[0];
    return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  }

  /** Runs what concerns one pod's uid, or one folder, after what began before it. */
  #inTurn<T>(subject: string | undefined, work: () => Promise<T>): Promise<T> {
    const key = subject ?? '';
    const previous = this.#lastCall.get(key) ?? Promise.resolve();
    const call = previous.then(work, work);
    this.#lastCall.set(key, call);
    const forget = (): void => {
      if (this.#lastCall.get(key) === call) this.#lastCall.delete(key);
    };
    call.then(forget, forget);
    return call;
  }
}

function isNotRenewed(error: unknown): boolean {
  return error instanceof VolumeError && error.code === 'NOT_RENEWED';
}

interface SubPathRequest {
  pod: Pod;
  container: Container;
  volume: Volume;
  volumeMount: VolumeMount;
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => {
    aborted.reject(signal.reason as Error);
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
