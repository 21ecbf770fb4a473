import type { Secret } from '../../../../src/kube/api.ts';
import type { CaSecrets } from '../../../../src/provider/pki/ca-secret.ts';

interface SecretPatch {
  metadata: { resourceVersion?: string; annotations: Record<string, string | null> };
  data: Record<string, string | null>;
}

/** Secrets in memory, with versions as an API server's; the first reads of several callers may all come before the first create. */
export class MemorySecrets implements CaSecrets {
  readonly stored = new Map<string, Secret>();
  /** Called before a patch is looked at. */
  beforePatch: () => void = () => undefined;

  read(name: string): Promise<Secret | undefined> {
    return Promise.resolve(structuredClone(this.stored.get(name)));
  }

  create(secret: Secret): Promise<boolean> {
    if (this.stored.has(secret.metadata.name)) return Promise.resolve(false);
    this.#set({ ...secret, metadata: { ...secret.metadata, resourceVersion: '1' } });
    return Promise.resolve(true);
  }

  patch(name: string, patch: object): Promise<boolean> {
    this.beforePatch();
    const { metadata, data } = patch as SecretPatch;
    const found = this.stored.get(name);
    if (found === undefined) throw new TypeError('there is no such Secret');
    const { resourceVersion, annotations = {} } = found.metadata;
    if (metadata.resourceVersion !== resourceVersion) return Promise.resolve(false);
    this.#set({
      ...found,
      metadata: {
        ...found.metadata,
        annotations: merged(annotations, metadata.annotations),
        resourceVersion: String(Number(resourceVersion) + 1),
      },
      data: merged(found.data ?? {}, data),
    });
    return Promise.resolve(true);
  }

  #set(secret: Secret): void {
    this.stored.set(secret.metadata.name, secret);
  }
}

/** RFC 7396, for one level. */
function merged(
  target: Record<string, string>,
  patch: Record<string, string | null>,
): Record<string, string> {
  const all = Object.entries({ ...target, ...patch });
  return Object.fromEntries(all.filter((entry): entry is [string, string] => entry[1] !== null));
}
