/**
 * What this program can do for a pod that a cluster asks for by name before it binds the pod to a Node,
 * or lets somebody change it (`status.declaredFeatures`, since Kubernetes 1.36), in order.
 * Source: k8s.io/component-helpers/nodedeclaredfeatures.
 */
export const declaredFeatures: readonly string[] = [
  'InPlacePodLevelResourcesVerticalScaling',
  'RestartAllContainersOnContainerExits',
];
