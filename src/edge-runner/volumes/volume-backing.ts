import { isIPv6 } from 'node:net';
import type { PersistentVolume, Pod, Volume } from '../../kube/api.ts';
import { mountOptionsOf } from '../../kube/mount-options.ts';
import { claimedVolume } from './claimed-volume.ts';
import type { VolumeSources } from './payload.ts';
import { volumeKind } from './pod-layout.ts';
import { VolumeError } from './volume-error.ts';

/** What a pod's volume is behind its name and its claim. */
export type VolumeBacking = {
  /** Of the PersistentVolume, where there is one, else the volume's own; a kubelet names it so. */
  name: string;
  /** Also where containers must not write because the next change would overwrite it. */
  readOnly: boolean;
  /** The PersistentVolume may be used by one pod only. */
  exclusive?: boolean;
} & (
  | { kind: 'emptyDir' | 'contents' }
  /** Mounted by the runtime. */
  | { kind: 'image' }
  | { kind: 'hostPath'; path: string; type: string }
  | { kind: 'local'; path: string; options: string[] }
  /** `source`: as mount(8) takes it. */
  | { kind: 'nfs'; source: string; options: string[] }
);

/**
 * Follows a volume that names a claim to what it is on this device; undefined for other volumes.
 * @throws VolumeError `CLAIM_NOT_USABLE`
 */
export function claimBacking(
  pod: Pod,
  volume: Volume,
  sources: Pick<VolumeSources, 'claim' | 'nodeTraits'>,
): VolumeBacking | undefined {
  const persistent = claimedVolume(pod, volume, sources);
  return persistent && ofPersistent(persistent, volume.persistentVolumeClaim?.readOnly === true);
}

/** What a volume is that says everything itself. */
export function ownBacking(volume: Volume): VolumeBacking {
  const { name, hostPath, nfs } = volume;
  if (hostPath) {
    const { path, type = '' } = hostPath;
    return { name, readOnly: false, kind: 'hostPath', path, type };
  }
  if (nfs) {
    return { name, readOnly: nfs.readOnly === true, ...nfsFrom(nfs, []) };
  }
  if (volume.image) return { name, readOnly: true, kind: 'image' };
  const isEmptyDir = volumeKind(volume) === 'emptyDir';
  return { name, readOnly: !isEmptyDir, kind: isEmptyDir ? 'emptyDir' : 'contents' };
}

/** The claim of a pod alone says whether a PersistentVolume is mounted read-only, as in a kubelet. */
function ofPersistent(persistent: PersistentVolume, readOnly: boolean): VolumeBacking {
  const { metadata, spec = {} } = persistent;
  const { accessModes = [], hostPath, local, nfs } = spec;
  const exclusive = accessModes.length === 1 && accessModes[0] === 'ReadWriteOncePod';
  const base = { name: metadata.name, readOnly, exclusive };
  const options = mountOptionsOf(persistent);
  if (hostPath && options.length === 0) {
    const { path, type = '' } = hostPath;
    return { ...base, kind: 'hostPath', path, type };
  }
  if (local) return { ...base, kind: 'local', path: local.path, options };
  if (nfs) return { ...base, ...nfsFrom(nfs, options) };
  throw hostPath ? unsupportedOptions(metadata.name) : unsupported(persistent);
}

function nfsFrom(
  { server, path }: { server: string; path: string },
  options: string[],
): { kind: 'nfs'; source: string; options: string[] } {
  const host = isIPv6(server) ? `[${server}]` : server;
  return { kind: 'nfs', source: `${host}:${path}`, options };
}

function unsupportedOptions(name: string): VolumeError {
  return new VolumeError(
    'CLAIM_NOT_USABLE',
    `MountVolume.MountOptionSupport check failed for volume ${JSON.stringify(name)} : mount options are not supported for this volume type`,
  );
}

function unsupported({ metadata, spec = {} }: PersistentVolume): VolumeError {
  const kinds = Object.keys(spec).filter((field) => !general.has(field));
  return new VolumeError(
    'CLAIM_NOT_USABLE',
    `MountVolume.FindPluginBySpec failed for volume ${JSON.stringify(metadata.name)} : no volume plugin matched: this site's runner mounts PersistentVolumes of kind hostPath, local and nfs, not ${kinds.join(', ')}`,
  );
}

/** Fields of a PersistentVolume that every kind has. */
const general = new Set(['accessModes', 'volumeMode', 'mountOptions', 'claimRef', 'nodeAffinity']);
