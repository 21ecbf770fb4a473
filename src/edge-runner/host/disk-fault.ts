import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { systemCodeOf } from '../join/errors.ts';

/**
 * Why nothing can be written below a folder, as an end of a sentence that begins with it; undefined
 * where there seems to be nothing wrong. Nothing is written to find out, for flash wears by that.
 */
export function diskFault(folder: string): string | undefined {
  try {
    accessSync(folder, constants.W_OK);
    return isFaulty(statSync(folder).dev) ? readOnly : undefined;
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === 'EROFS') return readOnly;
    return code === 'EIO' ? 'cannot be read or written (EIO)' : undefined;
  }
}

const readOnly = 'is on a read-only file system';

/**
 * Whether a file system has put itself to rest after a fault. ext4 of Linux 6.15 and later leaves it
 * mounted to be written, and says so only among the mount's options.
 */
function isFaulty(device: number): boolean {
  return hasOption(readFileSync('/proc/self/mountinfo', 'utf8'), device, 'emergency_ro');
}

/** Whether a file system has a mount option of its own; `mountinfo` as in proc(5). */
export function hasOption(mountinfo: string, device: number, option: string): boolean {
  const number = deviceNumber(device);
  return mountinfo
    .split('\n')
    .map((line) => line.split(' '))
    .some((fields) => fields[2] === number && fields.at(-1)?.split(',').includes(option) === true);
}

/** `MAJOR:MINOR` of a device, whose number holds the upper digits of the minor above the major (makedev(3)). */
function deviceNumber(device: number): string {
  const major = (device >>> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >>> 12) & 0xfff00);
  return `${major}:${minor}`;
}
