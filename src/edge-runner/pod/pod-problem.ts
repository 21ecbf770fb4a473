/**
 * Why a container can't be started now, with the reason that a kubelet shows in its waiting state.
 * The pod engine tries again.
 */
export class PodProblem extends Error {
  readonly reason: PodProblemReason;

  constructor(reason: PodProblemReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PodProblem';
    this.reason = reason;
  }
}

export type PodProblemReason =
  | 'ErrImagePull'
  | 'ImagePullBackOff'
  | 'ErrImageNeverPull'
  | 'InvalidImageName'
  | 'ImageInspectError'
  | 'CreateContainerConfigError'
  | 'CreateContainerError'
  | 'RunContainerError'
  | 'PostStartHookError'
  /** Told by an event alone. */
  | 'FailedCreatePodContainer'
  /** Shown in the pod's condition `PodResizeInProgress`. */
  | 'ResizeError';
