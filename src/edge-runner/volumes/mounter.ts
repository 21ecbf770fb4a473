export interface TmpfsOptions {
  /** Mode of its root, with setgid and sticky bits. */
  mode: number;
  /** The kernel's default, half of the memory, when absent. */
  sizeBytes?: number;
  /** Group of its root. */
  gid?: number;
}

export interface MountRequest {
  source: string;
  target: string;
  /** Left out for a bind mount. */
  type?: string;
  options: readonly string[];
}

/** The kernel's mounts, in the mount namespace of the runner, which has to be the runtime's as well. */
export interface Mounter {
  /** Mounts a tmpfs that never goes to swap, where the kernel can promise that. @throws VolumeError `MOUNT_FAILED` */
  tmpfs(target: string, options: TmpfsOptions, signal?: AbortSignal): Promise<void>;
  /**
   * Shows `source` at `target` as well. Symbolic links in `source` are not followed but for those of
   * `/proc/<pid>/fd`. @throws VolumeError `MOUNT_FAILED`
   */
  bind(source: string, target: string, signal?: AbortSignal): Promise<void>;
  /** Mounts as mount(8) does. @throws VolumeError `MOUNT_FAILED` with its words, as a kubelet quotes them */
  mount(request: MountRequest, signal?: AbortSignal): Promise<void>;
  /**
   * What doesn't answer, as a server that is gone, is taken off by force.
   * @throws VolumeError `UNMOUNT_FAILED`, also while it is in use
   */
  unmount(target: string, signal?: AbortSignal): Promise<void>;
  /** Real paths of everything mounted, oldest first, one for each mount. */
  mountPoints(): Promise<string[]>;
}
