import { LabError } from './lab-error.ts';

/** One member of a tar archive. A path has no leading slash; `mode` holds permission bits alone. */
export type TarMember =
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly content: Uint8Array;
      readonly mode?: number;
      readonly owner?: number;
    }
  | {
      readonly kind: 'folder';
      readonly path: string;
      readonly mode?: number;
      readonly owner?: number;
    }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string };

const blockBytes = 512;

/**
 * Writes a tar archive in POSIX ustar format. Equal members give equal bytes: all times are 0. `owner`
 * is both uid and gid.
 *
 * @throws LabError `bad-answer` when a path is too long for ustar (100 bytes, or 255 with a slash at
 *   the right place).
 */
export function writeTar(members: readonly TarMember[]): Buffer {
  const parts: Buffer[] = [];
  for (const member of members) {
    parts.push(header(member));
    if (member.kind === 'file') {
      parts.push(Buffer.from(member.content));
      parts.push(Buffer.alloc((blockBytes - (member.content.length % blockBytes)) % blockBytes));
    }
  }
  parts.push(Buffer.alloc(2 * blockBytes));
  return Buffer.concat(parts);
}

function header(member: TarMember): Buffer {
  const block = Buffer.alloc(blockBytes);
  const { name, prefix } = splitPath(member.kind === 'folder' ? `${member.path}/` : member.path);
  const owner = member.kind === 'symlink' ? 0 : (member.owner ?? 0);
  block.write(name, 0);
  octal(block, modeOf(member), 100, 8);
  octal(block, owner, 108, 8);
  octal(block, owner, 116, 8);
  octal(block, member.kind === 'file' ? member.content.length : 0, 124, 12);
  octal(block, 0, 136, 12);
  block.write({ file: '0', symlink: '2', folder: '5' }[member.kind], 156);
  if (member.kind === 'symlink') {
    block.write(fits(member.target), 157);
  }
  block.write('ustar\x0000', 257);
  block.write(prefix, 345);
  // The checksum is of the header with the checksum's own field filled with blanks.
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

function modeOf(member: TarMember): number {
  switch (member.kind) {
    case 'file':
      return member.mode ?? 0o644;
    case 'folder':
      return member.mode ?? 0o755;
    case 'symlink':
      return 0o777;
  }
}

function octal(block: Buffer, value: number, offset: number, width: number): void {
  block.write(value.toString(8).padStart(width - 1, '0'), offset);
}

function splitPath(path: string): { name: string; prefix: string } {
  if (Buffer.byteLength(path) <= 100) {
    return { name: path, prefix: '' };
  }
  const slash = path.indexOf('/', path.length - 101);
  if (slash < 0 || slash > 155 || slash === path.length - 1) {
    throw new LabError('bad-answer', `${path} is too long for a tar archive`);
  }
  return { name: path.slice(slash + 1), prefix: path.slice(0, slash) };
}

function fits(target: string): string {
  if (Buffer.byteLength(target) > 100) {
    throw new LabError('bad-answer', `${target} is too long for a tar archive`);
  }
  return target;
}
