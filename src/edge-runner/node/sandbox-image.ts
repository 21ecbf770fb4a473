import type { CriClient } from '../cri/cri-client.ts';
import { fieldOf, parseJson } from '../cri/json-field.ts';

/**
 * The image that sandboxes are made of, from the runtime's verbose status; '' when it isn't told, as
 * by containerd 2, which pins that image. @throws CriError
 */
export async function readSandboxImage(cri: Pick<CriClient, 'status'>): Promise<string> {
  const { info } = await cri.status({ verbose: true });
  const image = fieldOf(parseJson(info['config']), 'sandboxImage');
  return typeof image === 'string' ? image : '';
}
