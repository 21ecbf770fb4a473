import type { Logger } from 'pino';
import type { CriClient } from '../cri/cri-client.ts';
import { hasCriCode } from '../cri/cri-error.ts';
import type { Image } from '../cri/image-messages.ts';
import { readSandboxImage } from '../node/sandbox-image.ts';
import { isImageReference } from '../pod/image-reference.ts';
import type { PulledImages } from '../pod/pulled-images.ts';
import { bytesToFree, imagesToRemove, type ImagePolicy, type StoredImage } from './plan-images.ts';

export interface ImageCollectorOptions {
  cri: Pick<CriClient, 'listImages' | 'listContainers' | 'imageStatus' | 'removeImage' | 'status'>;
  /** Is told which images are there no more. */
  pulled: Pick<PulledImages, 'ids' | 'keepOnly'>;
  policy: ImagePolicy;
  /** Images by the names that pods have for them, of every pod that may still start a container. */
  neededNames: () => Iterable<string>;
  /** The disk that images lie on. */
  disk: () => Promise<{ capacityBytes: number; availableBytes: number }>;
  nowMs: () => number;
  log: Pick<Logger, 'info' | 'warn'>;
}

/**
 * Removes images that nothing needs when their disk gets full. An image that a container has, or that
 * a pod of this site names, stays whatever the disk: without a link it could not be had again.
 */
export class ImageCollector {
  readonly #options: ImageCollectorOptions;
  readonly #firstSeen = new Map<string, number>();
  readonly #lastUsed = new Map<string, number>();

  constructor(options: ImageCollectorOptions) {
    this.#options = options;
  }

  /** Notes which images are in use, and frees what the marks ask for. @throws CriError, HostError */
  async collect(signal: AbortSignal): Promise<void> {
    const { disk, policy, log } = this.#options;
    const images = await this.#look(signal);
    const bytes = bytesToFree(await disk(), policy);
    if (bytes === 0) return;
    const freed = await this.#free(images, bytes, signal);
    if (freed >= bytes) return;
    const fields = { wantedBytes: Math.round(bytes), freedBytes: freed };
    log.warn(fields, 'the disk of images is nearly full, and no more of them can be removed');
  }

  /** Removes whatever nothing needs; returns how many bytes that were. @throws CriError */
  async removeUnused(signal: AbortSignal): Promise<number> {
    return this.#free(await this.#look(signal), Infinity, signal);
  }

  async #free(images: readonly StoredImage[], bytes: number, signal: AbortSignal): Promise<number> {
    const { cri, nowMs, policy, log } = this.#options;
    const { minAgeMs } = policy;
    let freed = 0;
    for (const image of imagesToRemove(images, bytes, { minAgeMs, nowMs: nowMs() })) {
      await cri.removeImage({ image: { image: image.id } }, { signal });
      this.#firstSeen.delete(image.id);
      this.#lastUsed.delete(image.id);
      freed += image.sizeBytes;
      log.info({ image: image.id, bytes: image.sizeBytes }, 'an unused image was removed');
    }
    return freed;
  }

  async #look(signal: AbortSignal): Promise<StoredImage[]> {
    const { cri, pulled, nowMs } = this.#options;
    const pulledIds = pulled.ids;
    const { images } = await cri.listImages({}, { signal });
    const needed = await this.#needed(images, signal);
    const atMs = nowMs();
    const known = new Set(images.map(({ id }) => id));
    pulled.keepOnly(pulledIds, known);
    for (const id of this.#firstSeen.keys()) {
      if (known.has(id)) continue;
      this.#firstSeen.delete(id);
      this.#lastUsed.delete(id);
    }
    return images.map((image) => {
      const { id } = image;
      const isNeeded = needed.has(id);
      if (!this.#firstSeen.has(id)) this.#firstSeen.set(id, atMs);
      if (isNeeded) this.#lastUsed.set(id, atMs);
      return {
        ...{ id, sizeBytes: image.size, isNeeded: isNeeded || image.pinned },
        firstSeenMs: this.#firstSeen.get(id) ?? atMs,
        lastUsedMs: this.#lastUsed.get(id) ?? 0,
      };
    });
  }

  /** Ids of images that a container has, that pods name, and that sandboxes are made of. */
  async #needed(images: readonly Image[], signal: AbortSignal): Promise<Set<string>> {
    const { cri, neededNames } = this.#options;
    const byName = new Map<string, string>();
    for (const { id, repoTags, repoDigests } of images) {
      for (const name of [id, ...repoTags, ...repoDigests]) byName.set(name, id);
    }
    const needed = new Set<string>();
    const { containers } = await cri.listContainers({}, { signal });
    for (const { imageRef, image } of containers) {
      for (const name of [imageRef, image?.image ?? '']) {
        const id = byName.get(name);
        if (id !== undefined) needed.add(id);
      }
    }
    const named = new Set([...neededNames(), await readSandboxImage(cri)]);
    for (const name of named) {
      const id = byName.get(name) ?? (await this.#idOf(name, signal));
      if (id !== undefined) needed.add(id);
    }
    return needed;
  }

  /** The runtime knows best which image a short name means. */
  async #idOf(name: string, signal: AbortSignal): Promise<string | undefined> {
    // One that is none has no image, and its pod says so itself.
    if (!isImageReference(name)) return undefined;
    try {
      const { image } = await this.#options.cri.imageStatus({ image: { image: name } }, { signal });
      return image?.id;
    } catch (error) {
      if (hasCriCode(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
  }
}
