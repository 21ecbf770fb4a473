import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/**
 * Keys of the pulls that a store has, which needs no key of its own; undefined where it is not whole.
 * To be asked while nobody has the store open.
 */
export function knownPulls(file: string): string[] | undefined {
  if (!existsSync(file)) return undefined;
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file);
    const check = database.prepare('PRAGMA quick_check(1)').all();
    if (check[0]?.['quick_check'] !== 'ok') return undefined;
    const rows = database.prepare('SELECT key FROM image_pull').all() as { key: string }[];
    return rows.map(({ key }) => key);
  } catch {
    return undefined;
  } finally {
    database?.close();
  }
}
