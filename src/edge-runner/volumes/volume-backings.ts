import type { Pod, Volume } from '../../kube/api.ts';
import { claimNameOf } from '../../kube/claim-name.ts';
import type { VolumeSources } from './payload.ts';
import { claimBacking, ownBacking, type VolumeBacking } from './volume-backing.ts';
import { VolumeError } from './volume-error.ts';

/**
 * What the volumes of all pods are. A pod keeps what its claims have got it, whatever becomes of them
 * meanwhile; a new runner looks anew, as a kubelet does.
 */
export class VolumeBackings {
  readonly #ofPods = new Map<string, Map<string, VolumeBacking>>();

  /** @throws VolumeError `CLAIM_NOT_USABLE`, also for a volume that another pod has for itself */
  resolve(pod: Pod, volume: Volume, sources: VolumeSources): VolumeBacking {
    const known = this.known(pod, volume);
    if (known !== undefined) return known;
    const backing = claimBacking(pod, volume, sources) ?? ownBacking(volume);
    const uid = pod.metadata.uid ?? '';
    if (backing.exclusive === true && this.#isUsedBesides(uid, backing.name)) {
      throw new VolumeError(
        'CLAIM_NOT_USABLE',
        `MountVolume.SetUp failed for volume ${JSON.stringify(backing.name)} : volume uses the ReadWriteOncePod access mode and is already in use by another pod`,
      );
    }
    const backings = this.#ofPods.get(uid) ?? new Map<string, VolumeBacking>();
    this.#ofPods.set(uid, backings.set(volume.name, backing));
    return backing;
  }

  /** Undefined for a claim that hasn't been resolved. */
  known(pod: Pod, volume: Volume): VolumeBacking | undefined {
    if (claimNameOf(pod, volume) === undefined) return ownBacking(volume);
    return this.#ofPods.get(pod.metadata.uid ?? '')?.get(volume.name);
  }

  /** A running pod's, where they can be found out, so that others know of them. */
  note(pod: Pod, sources: VolumeSources): void {
    for (const volume of pod.spec.volumes ?? []) {
      try {
        this.resolve(pod, volume, sources);
      } catch (error) {
        if (!(error instanceof VolumeError)) throw error;
      }
    }
  }

  forget(podUid: string): void {
    this.#ofPods.delete(podUid);
  }

  /** A pod may have it by several volumes. Source: kubelet, IsVolumeMountedElsewhere. */
  #isUsedBesides(podUid: string, persistentName: string): boolean {
    const others = Array.from(this.#ofPods).filter(([uid]) => uid !== podUid);
    return others.some(([, backings]) =>
      Array.from(backings.values()).some(
        ({ name, exclusive }) => exclusive === true && name === persistentName,
      ),
    );
  }
}
