import type { VolumeMount } from '../../kube/api.ts';
import { KubeRuleError } from '../../kube/kube-rule-error.ts';
import type { MountPropagation } from '../cri/container-messages.ts';

export interface MountMode {
  propagation: MountPropagation;
  recursiveReadOnly: boolean;
}

/**
 * How mounts under a container's mount are shared with the device, and whether they are read-only too.
 * `canRecurse`: the runtime can make them so.
 * @throws KubeRuleError `CONFIG_ERROR` in the kubelet's words
 * Source: kubelet, translateMountPropagation and resolveRecursiveReadOnly.
 */
export function mountMode(mount: VolumeMount, canRecurse: boolean): MountMode {
  return {
    propagation: propagationOf(mount),
    recursiveReadOnly: isRecursive(mount, canRecurse),
  };
}

function propagationOf({ mountPropagation = 'None' }: VolumeMount): MountPropagation {
  switch (mountPropagation) {
    case 'None':
      return 'PROPAGATION_PRIVATE';
    case 'HostToContainer':
      return 'PROPAGATION_HOST_TO_CONTAINER';
    case 'Bidirectional':
      return 'PROPAGATION_BIDIRECTIONAL';
    default: {
      const text = `invalid MountPropagation mode: ${JSON.stringify(mountPropagation)}`;
      throw new KubeRuleError('CONFIG_ERROR', text);
    }
  }
}

function isRecursive(mount: VolumeMount, canRecurse: boolean): boolean {
  const { name, readOnly, mountPropagation = 'None', recursiveReadOnly = 'Disabled' } = mount;
  if (recursiveReadOnly === 'Disabled') return false;
  if (readOnly !== true) throw refused(name, 'it is not read-only');
  if (mountPropagation !== 'None') {
    const words = `it is not compatible with propagation ${JSON.stringify(mountPropagation)}`;
    throw refused(name, words);
  }
  if (recursiveReadOnly === 'Enabled' && !canRecurse) {
    throw refused(name, 'it is not supported by the runtime');
  }
  return canRecurse;
}

function refused(volumeName: string, why: string): KubeRuleError {
  return new KubeRuleError(
    'CONFIG_ERROR',
    `failed to resolve recursive read-only mode: volume ${JSON.stringify(volumeName)} requested recursive read-only mode, but ${why}`,
  );
}
