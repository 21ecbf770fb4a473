import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Writes a file for root alone, whole or not at all, also when the power goes: it is on disk when this
 * returns. @throws as `openSync`
 */
export function writeWhole(file: string, content: string | Uint8Array): void {
  const draft = `${file}.new`;
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  syncing(draft, 'w', (descriptor) => {
    for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
  });
  renameSync(draft, file);
  syncing(dirname(file), 'r', () => undefined);
}

function syncing(path: string, flags: string, write: (descriptor: number) => void): void {
  const descriptor = openSync(path, flags, 0o600);
  try {
    write(descriptor);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
