/** An image that the runtime has. Times on one clock, in ms. */
export interface StoredImage {
  readonly id: string;
  readonly sizeBytes: number;
  /** Used by a container, needed by a pod, or held by the runtime for itself. */
  readonly isNeeded: boolean;
  readonly firstSeenMs: number;
  readonly lastUsedMs: number;
}

export interface ImagePolicy {
  /** Percent of the disk from which on images are removed, and down to which. */
  readonly highPercent: number;
  readonly lowPercent: number;
  readonly minAgeMs: number;
}

/**
 * How much is to be freed: nothing below the high mark, else down to the low one.
 * Source: kubelet, pkg/kubelet/images/image_gc_manager.go.
 */
export function bytesToFree(
  disk: { capacityBytes: number; availableBytes: number },
  policy: Pick<ImagePolicy, 'highPercent' | 'lowPercent'>,
): number {
  const { capacityBytes, availableBytes } = disk;
  if (capacityBytes <= 0) return 0;
  const usedPercent = 100 - Math.floor((availableBytes * 100) / capacityBytes);
  if (usedPercent < policy.highPercent) return 0;
  return Math.max(0, (capacityBytes * (100 - policy.lowPercent)) / 100 - availableBytes);
}

/** The images to remove for that, in this order: what was not used for longest goes first. */
export function imagesToRemove(
  images: readonly StoredImage[],
  bytes: number,
  { minAgeMs, nowMs }: { minAgeMs: number; nowMs: number },
): StoredImage[] {
  const removable = images
    .filter(({ isNeeded, firstSeenMs }) => !isNeeded && nowMs - firstSeenMs >= minAgeMs)
    .sort((a, b) => a.lastUsedMs - b.lastUsedMs || a.firstSeenMs - b.firstSeenMs);
  const chosen: StoredImage[] = [];
  let freed = 0;
  for (const image of removable) {
    if (freed >= bytes) break;
    chosen.push(image);
    freed += image.sizeBytes;
  }
  return chosen;
}
