import type { Container, VolumeMountStatus } from '../../kube/api.ts';

/**
 * What is said of a container's volume mounts. Of one that is read-only it is said whether what is
 * mounted below it is so, too. Source: kubelet, convertToAPIContainerStatuses.
 * @param canRecurse the runtime can make them so.
 */
export function volumeMountStatuses(
  { volumeMounts = [] }: Container,
  canRecurse: boolean,
): VolumeMountStatus[] {
  return volumeMounts.map(({ name, mountPath, readOnly, recursiveReadOnly = 'Disabled' }) => {
    if (readOnly !== true) return { name, mountPath };
    const isRecursive = recursiveReadOnly !== 'Disabled' && canRecurse;
    return {
      ...{ name, mountPath, readOnly },
      recursiveReadOnly: isRecursive ? 'Enabled' : 'Disabled',
    };
  });
}
