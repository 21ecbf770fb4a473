import { RunnerError } from '../errors.ts';
import { maxPullSecrets } from '../limits.ts';
import type { EdgeStore, ImageAccess, StoredImagePull } from '../store/edge-store.ts';
import { imagePath, type SecretIdentity } from './image-credentials.ts';

/**
 * Which images the runner has pulled, and by whose credentials: a pod that can't pull a private image
 * must not get it because another pod has. Images that came to the device in another way are open
 * to every pod, unless what was known of them is lost.
 *
 * Source: kubelet, `KubeletEnsureSecretPulledImages` with the policy `NeverVerifyPreloadedImages`.
 */
export class PulledImages {
  readonly #store: Pick<EdgeStore, 'changeImagePulls'>;
  /** By the runtime's id of an image, or `pulling` and its name. */
  readonly #pulls: Map<string, StoredImagePull>;
  /** How many pulls of an image are under way, by name. */
  readonly #underWay = new Map<string, number>();

  constructor(store: Pick<EdgeStore, 'imagePulls' | 'changeImagePulls'>) {
    this.#store = store;
    this.#pulls = new Map(store.imagePulls().map((pull) => [pull.key, pull]));
  }

  /**
   * Whether a pod with these credentials may have an image that is on the device. New credentials in
   * a Secret that could pull it, or the same in another Secret, are remembered.
   */
  mayUse(image: string, id: string, secrets: readonly SecretIdentity[]): boolean {
    const pull = this.#pulls.get(id);
    if (pull === undefined) return !this.#pulls.has(pulling(image));
    const access = pull.access[imagePath(image)];
    if (access === undefined) return false;
    if (access.everyone) return true;
    const known = secrets.find((secret) => access.secrets.some((each) => isAlike(each, secret)));
    if (known === undefined) return false;
    unlessStoreFails(() => {
      this.#change(granted(pull, image, known), []);
    });
    return true;
  }

  /** Before a pull: if the runner dies in it, what came of it is nobody's yet. @throws RunnerError `STORE_FAILED` */
  began(image: string): void {
    const key = pulling(image);
    if (!this.#pulls.has(key)) this.#change([{ key, access: {} }], []);
    this.#underWay.set(image, (this.#underWay.get(image) ?? 0) + 1);
  }

  /** `secret`: what the image was pulled with; undefined: it took none. @throws RunnerError `STORE_FAILED` */
  succeeded(image: string, id: string, secret: SecretIdentity | undefined): void {
    const pull = this.#pulls.get(id) ?? { key: id, access: {} };
    this.#change(granted(pull, image, secret), this.#ended(image));
  }

  /** A note that stays because the store fails only makes the next pod pull. */
  failed(image: string): void {
    const ended = this.#ended(image);
    unlessStoreFails(() => {
      this.#change([], ended);
    });
  }

  /**
   * Of the images or pulls with these keys nobody knows any more whose they are: those without a record
   * are nobody's until they are pulled.
   * @returns whether the store has that too, and the next start will know
   */
  requireProof(keys: readonly string[]): boolean {
    const put = keys.filter((key) => !this.#pulls.has(key)).map((key) => ({ key, access: {} }));
    for (const pull of put) this.#pulls.set(pull.key, pull);
    return unlessStoreFails(() => {
      this.#change(put, []);
    });
  }

  /** Ids of the images that it knows of; to be taken before the runtime's list, for `keepOnly`. */
  get ids(): string[] {
    return Array.from(this.#pulls.keys()).filter((key) => !key.startsWith(pulling('')));
  }

  /** Forgets those of `ids` that the runtime no longer has. */
  keepOnly(ids: readonly string[], present: ReadonlySet<string>): void {
    unlessStoreFails(() => {
      this.#change(
        [],
        ids.filter((id) => !present.has(id)),
      );
    });
  }

  /** Counts a pull down; gives the note that it leaves, if it was the last. */
  #ended(image: string): string[] {
    const others = (this.#underWay.get(image) ?? 1) - 1;
    if (others > 0) this.#underWay.set(image, others);
    else this.#underWay.delete(image);
    return others > 0 ? [] : [pulling(image)];
  }

  #change(put: readonly StoredImagePull[], forget: readonly string[]): void {
    if (put.length + forget.length === 0) return;
    this.#store.changeImagePulls(put, forget);
    for (const key of forget) this.#pulls.delete(key);
    for (const pull of put) this.#pulls.set(pull.key, pull);
  }
}

/** No image's id has a space. */
function pulling(image: string): string {
  return `pulling ${image}`;
}

/** The record with access added; none where it has it already. */
function granted(
  pull: StoredImagePull,
  image: string,
  secret: SecretIdentity | undefined,
): StoredImagePull[] {
  const path = imagePath(image);
  const before = pull.access[path];
  const after = withAccess(before ?? { everyone: false, secrets: [] }, secret);
  return after === before ? [] : [{ ...pull, access: { ...pull.access, [path]: after } }];
}

function withAccess(access: ImageAccess, secret: SecretIdentity | undefined): ImageAccess {
  const { everyone, secrets } = access;
  if (everyone) return access;
  if (secret === undefined) return { everyone: true, secrets: [] };
  if (secrets.some((each) => each.digest === secret.digest && isSame(each, secret))) return access;
  const others = secrets.filter((each) => !isSame(each, secret));
  return { everyone, secrets: [...others, secret].slice(-maxPullSecrets) };
}

/** The same credentials, or the same Secret: its credentials may have been replaced. */
function isAlike(a: SecretIdentity, b: SecretIdentity): boolean {
  return a.digest === b.digest || isSame(a, b);
}

function isSame(a: SecretIdentity, b: SecretIdentity): boolean {
  return a.uid === b.uid && a.namespace === b.namespace && a.name === b.name;
}

/** @returns whether it did not fail */
function unlessStoreFails(change: () => void): boolean {
  try {
    change();
    return true;
  } catch (error) {
    if (!(error instanceof RunnerError) || error.code !== 'STORE_FAILED') throw error;
    return false;
  }
}
