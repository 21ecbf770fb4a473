import { statSync } from 'node:fs';
import { join } from 'node:path';
import { storeFiles } from '../store/open-store.ts';
import type { Section } from './section.ts';

/** The store's files. What is in it stays in it: the runner alone has it open, and it is sealed. */
export function describeStore(stateDir: string): Section {
  const files = storeFiles(join(stateDir, 'store.db'));
  const lines = files.sort().flatMap((file) => {
    const facts = statSync(file, { throwIfNoEntry: false });
    if (facts === undefined) return [];
    return [`${file}: ${facts.size} bytes, written ${facts.mtime.toISOString()}`];
  });
  return { title: 'store', lines: lines.length > 0 ? lines : ['there is none'] };
}
