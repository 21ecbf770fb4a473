import { createHash } from 'node:crypto';
import type { Container } from '../../kube/api.ts';

/**
 * Hash of the fields of a container that may change while its pod lives and then ask for a restart:
 * its name and image, as a kubelet has it since 1.31.
 */
export function containerHash(container: Container): string {
  return createHash('sha256')
    .update(JSON.stringify([container.name, container.image]))
    .digest('hex')
    .slice(0, 8);
}
