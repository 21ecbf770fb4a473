/** What can go wrong with a pod's volumes. */
export type VolumeErrorCode =
  /** A volume can't be set up: something it names is missing, or the disk refuses. */
  | 'SETUP_FAILED'
  /** A volume that is there can't be brought up to date: it holds what it held before. */
  | 'NOT_RENEWED'
  /** A claim that isn't bound, or whose volume this node can't use; the message is complete. */
  | 'CLAIM_NOT_USABLE'
  /** A `subPath` that is missing, of the wrong kind, or leads out of its volume. */
  | 'SUB_PATH'
  /** A container mounts a volume that the pod doesn't have. */
  | 'NO_SUCH_VOLUME'
  /** A pod's uid, or a volume's or container's name, that can't be part of a path. */
  | 'UNSAFE_NAME'
  /** The kernel refused a mount. */
  | 'MOUNT_FAILED'
  /** Something of the pod is still mounted. */
  | 'UNMOUNT_FAILED';

/** A failure with a pod's volumes; the message is what a kubelet says in its event. */
export class VolumeError extends Error {
  override readonly name = 'VolumeError';
  readonly code: VolumeErrorCode;
  /** Reason of the event. */
  readonly reason = 'FailedMount';
  /** Whether trying again may help without a change to the pod. */
  readonly retryable: boolean;

  constructor(code: VolumeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = code !== 'UNSAFE_NAME' && code !== 'NO_SUCH_VOLUME';
  }
}

/**
 * The kubelet's words for a volume that can't be set up; keeps the code of a VolumeError, and
 * whole what already is complete.
 */
export function setupError(volumeName: string, cause: unknown): VolumeError {
  if (cause instanceof VolumeError && cause.code === 'CLAIM_NOT_USABLE') return cause;
  const detail = cause instanceof Error ? cause.message : String(cause);
  const message = `MountVolume.SetUp failed for volume ${JSON.stringify(volumeName)} : ${detail}`;
  const code = cause instanceof VolumeError ? cause.code : 'SETUP_FAILED';
  return new VolumeError(code, message, { cause });
}
