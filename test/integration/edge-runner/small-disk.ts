import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { run, runChecked } from '../../../hack/lab/command.ts';
import { LabError } from '../../../hack/lab/lab-error.ts';

/** A disk of its own for one folder: ext4 on a loop device, which turns read-only when it finds a fault. */
export class SmallDisk {
  readonly folder: string;
  readonly #image: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.#image = `${folder}.disk`;
  }

  static async create(folder: string, megabytes: number): Promise<SmallDisk> {
    const disk = new SmallDisk(folder);
    await mkdir(folder, { recursive: true });
    await runChecked('truncate', ['-s', `${megabytes}M`, disk.#image]);
    await runChecked('mkfs.ext4', ['-q', '-m', '0', disk.#image]);
    await disk.mount();
    return disk;
  }

  async mount(): Promise<void> {
    await runChecked('mount', ['-o', 'loop,errors=remount-ro', this.#image, this.folder]);
  }

  /** As at a boot; nothing may have it open any more. */
  async repair(): Promise<void> {
    const { code, stdout } = await run('fsck.ext4', ['-p', '-f', this.#image]);
    // fsck(8): 1 is that it has mended something.
    if (code > 1) throw new LabError('command-failed', stdout);
  }

  async remount(mode: 'ro' | 'rw'): Promise<void> {
    await runChecked('mount', ['-o', `remount,${mode}`, this.folder]);
  }

  /** The kernel finds the file system broken: nothing can be written any more, whoever has it open. */
  async fail(): Promise<void> {
    const device = await runChecked('findmnt', ['-n', '-o', 'SOURCE', this.folder]);
    await writeFile(`/sys/fs/ext4/${basename(device.trim())}/trigger_fs_error`, '1');
  }

  /** Takes all room that there is for files; ext4 keeps some blocks back for itself. */
  async fill(): Promise<void> {
    await runChecked('sh', ['-c', 'cat /dev/zero > "$0" 2>/dev/null; sync', this.#ballast]);
  }

  /** Gives it back. */
  async relieve(): Promise<void> {
    await rm(this.#ballast, { force: true });
  }

  get #ballast(): string {
    return join(this.folder, 'ballast');
  }
}

/** Lines of a log of the runner that have a text in them. */
export async function linesWith(file: string, text: string): Promise<string[]> {
  const lines = (await readFile(file, 'utf8')).split('\n');
  return lines.filter((line) => line.includes(text));
}
