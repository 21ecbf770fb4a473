import { appendFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from './lab-error.ts';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';

/** Something outside a lab's folder that exists because of it. */
export type OwnedThing =
  | { readonly kind: 'bridge'; readonly name: string }
  | {
      readonly kind: 'device';
      readonly namespaces: readonly string[];
      readonly uplink: string;
      readonly cgroup: string;
    }
  | { readonly kind: 'cgroup'; readonly path: string };

/** The owner of a lab: a process, and whether the lab was left up on purpose when that ends. */
export interface LabOwner {
  readonly process: ProcessIdentity;
  readonly kept: boolean;
}

const ownerFile = 'owner.json';
const ownedFile = 'owned.jsonl';

/** The environment setting by which every process of a lab is found, whoever started it. */
export function labMark(dir: string): { readonly name: string; readonly value: string } {
  return { name: 'TOWLINE_LAB', value: dir };
}

/**
 * Creates the folder of a lab with its owner in it, at once: a lab's folder never is without.
 *
 * @throws LabError `in-use` when it exists already.
 */
export async function claimLabFolder(dir: string): Promise<void> {
  const temporary = `${dir}.new-${process.pid}`;
  await mkdir(temporary, { recursive: true, mode: 0o755 });
  await writeOwner(temporary, false);
  await writeFile(join(temporary, ownedFile), '');
  try {
    await rename(temporary, dir);
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true });
    throw new LabError('in-use', `there is a lab at ${dir} already`, { cause });
  }
}

/** Says that the lab stays up after its owner has ended; sweeping leaves it alone from now on. */
export async function keepLab(dir: string): Promise<void> {
  await writeOwner(dir, true);
}

/** The owner of the lab in a folder, or undefined when the folder isn't a lab's. */
export async function readOwner(dir: string): Promise<LabOwner | undefined> {
  const text = await readFile(join(dir, ownerFile), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as LabOwner);
}

/** Whether a lab may be swept: its owner is dead and didn't say that it be kept. */
export function isAbandoned(owner: LabOwner): boolean {
  const rebooted = identify(process.pid)?.bootId !== owner.process.bootId;
  return rebooted || (!owner.kept && !isAlive(owner.process));
}

/** Writes a thing down; call it before making the thing, so that it's never there unknown. */
export async function recordOwned(dir: string, thing: OwnedThing): Promise<void> {
  await appendFile(join(dir, ownedFile), `${JSON.stringify(thing)}\n`);
}

/** All that was written down, in that order. A last line that was cut off in a crash is left out. */
export async function readOwned(dir: string): Promise<OwnedThing[]> {
  const text = await readFile(join(dir, ownedFile), 'utf8').catch(() => '');
  const complete = text.slice(0, text.lastIndexOf('\n') + 1);
  return complete
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as OwnedThing);
}

async function writeOwner(dir: string, kept: boolean): Promise<void> {
  const own = identify(process.pid);
  const temporary = join(dir, `${ownerFile}.new`);
  await writeFile(temporary, JSON.stringify({ process: own, kept }));
  await rename(temporary, join(dir, ownerFile));
}
