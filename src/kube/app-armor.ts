import type { Container, Pod, SecurityProfile } from './api.ts';

/** Annotations of this prefix, followed by a container's name, were the field before 1.30. */
export const appArmorAnnotation = 'container.apparmor.security.beta.kubernetes.io/';

/** The AppArmor profile that a container asks for, if it does. */
export function appArmorProfileOf(pod: Pod, container: Container): SecurityProfile | undefined {
  return (
    container.securityContext?.appArmorProfile ??
    annotated(pod.metadata.annotations?.[appArmorAnnotation + container.name]) ??
    pod.spec.securityContext?.appArmorProfile
  );
}

/** Whether a pod can only run where there is AppArmor. */
export function needsAppArmor(pod: Pod): boolean {
  const { containers, initContainers = [] } = pod.spec;
  return [...containers, ...initContainers].some((container) => {
    const profile = appArmorProfileOf(pod, container);
    return profile !== undefined && profile.type !== 'Unconfined';
  });
}

function annotated(value: string | undefined): SecurityProfile | undefined {
  if (value === 'runtime/default') return { type: 'RuntimeDefault' };
  if (value === 'unconfined') return { type: 'Unconfined' };
  if (value?.startsWith('localhost/') !== true) return undefined;
  return { type: 'Localhost', localhostProfile: value.slice('localhost/'.length) };
}
