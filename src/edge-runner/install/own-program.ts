import { basename } from 'node:path';

/** Where an executable runner is put. */
export const installedProgram = '/usr/local/bin/towline-runner';

export interface OwnProgram {
  /** The executable to be copied to `installedProgram`; undefined when the source runs as it stands. */
  readonly executable: string | undefined;
  /** What runs the installed runner. */
  readonly command: readonly string[];
}

/** How this very program was started: as one executable file, or by Node or Bun from its source. */
export function ownProgram(process: { execPath: string; argv: readonly string[] }): OwnProgram {
  const { execPath, argv } = process;
  if (!/^(node|bun)/.test(basename(execPath))) {
    return { executable: execPath, command: [installedProgram] };
  }
  return { executable: undefined, command: [execPath, argv[1] ?? ''] };
}
