import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { canonicalJson, objectVersion } from './digest.ts';
import { ProtocolError } from './errors.ts';
import { maxMessageBytes } from './limits.ts';

/**
 * What makes one object of another: a Zstandard frame (RFC 8878) in base64 of the new one's JSON with
 * sorted keys, with that of the old one as raw-content dictionary. Its size follows the change.
 */
export function makePatch(before: unknown, after: unknown): string {
  const text = Buffer.from(canonicalJson(after));
  return zstdCompressSync(text, {
    dictionary: Buffer.from(canonicalJson(before)),
    pledgedSrcSize: text.length,
    params: parameters,
  }).toString('base64');
}

/**
 * The object that a patch makes of `before`, and the bytes of its JSON.
 * @throws ProtocolError `PATCH_MISMATCH` when it isn't the one of that version.
 */
export function applyPatch(
  before: unknown,
  patch: string,
  version: string,
): { object: unknown; size: number } {
  let after: unknown;
  let size: number;
  try {
    const text = zstdDecompressSync(Buffer.from(patch, 'base64'), {
      dictionary: Buffer.from(canonicalJson(before)),
      maxOutputLength: maxMessageBytes,
    });
    size = text.length;
    after = JSON.parse(text.toString('utf8'));
    // Also what nests deeper than can be walked ends here.
    if (objectVersion(after) === version) return { object: after, size };
  } catch {
    // The reason may quote the object.
  }
  throw mismatch();
}

/** A window over both texts, and tables that know every place in the old one. */
const parameters = {
  [constants.ZSTD_c_windowLog]: 23,
  [constants.ZSTD_c_hashLog]: 20,
  [constants.ZSTD_c_chainLog]: 20,
};

function mismatch(): ProtocolError {
  return new ProtocolError('PATCH_MISMATCH', 'a patch did not lead to the version it announced');
}
