import type { CriClient } from '../cri/cri-client.ts';
import { hasCriCode } from '../cri/cri-error.ts';

/**
 * Removes images that no container has.
 * @returns how many
 * @throws CriError
 */
export async function removeImages(
  cri: Pick<CriClient, 'listContainers' | 'listImages' | 'removeImage'>,
  ids: readonly string[],
): Promise<number> {
  if (ids.length === 0) return 0;
  const [{ containers }, { images }] = await Promise.all([
    cri.listContainers({}),
    cri.listImages({}),
  ]);
  const used = new Set(containers.map(({ imageRef }) => imageRef));
  const wanted = new Set(ids);
  const unused = images.filter(({ id }) => wanted.has(id) && !used.has(id));
  for (const { id } of unused) {
    try {
      await cri.removeImage({ image: { image: id } });
    } catch (error) {
      if (!hasCriCode(error, 'NOT_FOUND')) throw error;
    }
  }
  return unused.length;
}
