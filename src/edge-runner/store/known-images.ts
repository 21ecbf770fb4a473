import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/**
 * Ids of the images that a store has pulls of, which needs no key; undefined where it can't be read.
 * To be asked while nobody has the store open.
 */
export function knownImages(file: string): string[] | undefined {
  if (!existsSync(file)) return undefined;
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file);
    const rows = database.prepare('SELECT key FROM image_pull').all() as { key: string }[];
    // A pull that is under way has a name, and no id yet.
    return rows.map(({ key }) => key).filter((key) => !key.includes(' '));
  } catch {
    return undefined;
  } finally {
    database?.close();
  }
}
