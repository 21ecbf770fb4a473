import type { ObjectMeta } from './meta.ts';
import type { NodeSelectorTerm } from './pod.ts';
import type { HostPathVolumeSource, NfsVolumeSource } from './volume.ts';

export interface PersistentVolumeClaim {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  spec?: { volumeName?: string };
  status?: { phase?: string };
}

export interface PersistentVolumeSpec {
  accessModes?: string[];
  volumeMode?: string;
  mountOptions?: string[];
  claimRef?: { namespace?: string; name?: string; uid?: string };
  nodeAffinity?: { required?: { nodeSelectorTerms?: NodeSelectorTerm[] } };
  hostPath?: HostPathVolumeSource;
  local?: { path: string; fsType?: string };
  nfs?: NfsVolumeSource;
}

export interface PersistentVolume {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  spec?: PersistentVolumeSpec;
}

/** A PersistentVolumeClaim as a site gets it: with the volume that it is bound to. */
export interface VolumeClaim extends PersistentVolumeClaim {
  volume?: PersistentVolume;
}
