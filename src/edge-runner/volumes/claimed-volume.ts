import type { PersistentVolume, Pod, Volume, VolumeClaim } from '../../kube/api.ts';
import { claimNameOf } from '../../kube/claim-name.ts';
import { matchesTerms } from '../../kube/node-affinity.ts';
import type { VolumeSources } from './payload.ts';
import { VolumeError } from './volume-error.ts';

/**
 * The PersistentVolume behind a volume that names a claim; undefined for a volume that names none.
 * @throws VolumeError `CLAIM_NOT_USABLE` in the kubelet's words
 * Source: kubelet, desired_state_of_world_populator.go (createVolumeSpec), checkNodeAffinity.
 */
export function claimedVolume(
  pod: Pod,
  volume: Volume,
  sources: Pick<VolumeSources, 'claim' | 'nodeTraits'>,
): PersistentVolume | undefined {
  const claimName = claimNameOf(pod, volume);
  if (claimName === undefined) return undefined;
  const namespace = pod.metadata.namespace ?? '';
  const claim = sources.claim(namespace, claimName);
  const problem = claimProblem(claim, claimName) ?? volumeProblem(claim);
  if (problem !== undefined) {
    throw unprocessed(volume, `error processing PVC ${namespace}/${claimName}: ${problem}`);
  }
  if (volume.ephemeral && !isOwnedBy(claim, pod)) {
    const words = `PVC ${namespace}/${claimName} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`;
    throw unprocessed(volume, words);
  }
  return usable(volume, claim?.volume, sources);
}

function usable(
  volume: Volume,
  persistent: PersistentVolume | undefined,
  sources: Pick<VolumeSources, 'nodeTraits'>,
): PersistentVolume | undefined {
  const mode = persistent?.spec?.volumeMode ?? 'Filesystem';
  if (mode !== 'Filesystem') {
    const words = `volume ${volume.name} has volumeMode ${mode}, but is specified in volumeMounts`;
    throw unprocessed(volume, words);
  }
  const required = persistent?.spec?.nodeAffinity?.required;
  const node = sources.nodeTraits();
  if (required && node && !matchesTerms(required.nodeSelectorTerms ?? [], node)) {
    throw new VolumeError(
      'CLAIM_NOT_USABLE',
      `MountVolume.NodeAffinity check failed for volume ${JSON.stringify(persistent.metadata.name)} : no matching NodeSelectorTerms`,
    );
  }
  return persistent;
}

function claimProblem(claim: VolumeClaim | undefined, name: string): string | undefined {
  if (claim === undefined) {
    return `failed to fetch PVC from API server: persistentvolumeclaim ${JSON.stringify(name)} not found`;
  }
  const { deletionTimestamp, finalizers = [] } = claim.metadata;
  if (deletionTimestamp !== undefined && !finalizers.includes(pvcProtection)) {
    return 'PVC is being deleted';
  }
  if (claim.status?.phase !== 'Bound') return 'PVC is not bound';
  return claim.spec?.volumeName ? undefined : 'PVC has empty pvc.Spec.VolumeName';
}

/** The cluster keeps a claim that is being deleted for the pods which use it. */
const pvcProtection = 'kubernetes.io/pvc-protection';

function volumeProblem(claim: VolumeClaim | undefined): string | undefined {
  const name = claim?.spec?.volumeName ?? '';
  const persistent = claim?.volume;
  if (persistent === undefined) {
    return `failed to fetch PV ${name} from API server: persistentvolume ${JSON.stringify(name)} not found`;
  }
  const bound = persistent.spec?.claimRef?.uid;
  if (persistent.spec?.claimRef === undefined) {
    return `found PV object ${name} but it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim`;
  }
  if (bound === claim?.metadata.uid) return undefined;
  return `found PV object ${name} but its pv.Spec.ClaimRef.UID ${bound ?? ''} does not point to claim.UID ${claim?.metadata.uid ?? ''}`;
}

function isOwnedBy(claim: VolumeClaim | undefined, pod: Pod): boolean {
  const owners = claim?.metadata.ownerReferences ?? [];
  return owners.some(({ uid, controller }) => controller === true && uid === pod.metadata.uid);
}

function unprocessed({ name }: Volume, problem: string): VolumeError {
  return new VolumeError(
    'CLAIM_NOT_USABLE',
    `Unable to attach or mount volumes: unmounted volumes=[${name}], unattached volumes=[], failed to process volumes=[${name}]: ${problem}`,
  );
}
