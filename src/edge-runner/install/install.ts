import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { RunnerError } from '../errors.ts';
import { defaultStateDir } from '../join/identity-dir.ts';
import { passes, type Check } from '../preflight/check.ts';
import { printChecks } from '../preflight/print-checks.ts';
import type { RunOptions } from '../run/run-options.ts';
import { installedProgram, type OwnProgram } from './own-program.ts';
import type { ServiceManager } from './systemd.ts';
import { environmentFile, unitFile, unitName, type UnitCredential } from './unit-file.ts';
import { programToWrite, textToWrite, writeFiles, type FileToWrite } from './write-files.ts';

export interface InstallOptions {
  /** `/`, or the folder of another system's files. */
  root: string;
  /** Whether that system is the one that runs. */
  isLive: boolean;
  program: OwnProgram;
  /** Flags for `towline-runner run`, and what they mean. */
  runFlags: readonly string[];
  run: Pick<RunOptions, 'stateDir'>;
  memoryMaxMegabytes: number;
  credentials: readonly UnitCredential[];
  preflight: () => Promise<Check[]>;
  services: ServiceManager;
  say: (line: string) => void;
}

/** Where the unit is. */
export function unitPath(root: string): string {
  return join(root, 'etc/systemd/system', unitName);
}

/**
 * Makes the runner a service. Done again it changes what is different, and restarts the runner when
 * anything was; containers run on.
 * @throws RunnerError `PREFLIGHT_FAILED`, `SYSTEMD_FAILED` where there is none, and `INSTALL_FAILED` where a
 *   file can't be written, before anything was changed; `SYSTEMD_FAILED`
 */
export async function install(options: InstallOptions): Promise<void> {
  const { isLive, services, say } = options;
  await requirePreflight(options);
  await services.requireThere();
  const files = [...(await ownProgramFile(options)), await unitToWrite(options)];
  const hasChanged = await writeFiles(files, say);
  if (hasChanged) await services.reload();
  await services.enable(unitName);
  say(`enabled ${unitName}, at every boot`);
  if (!isLive) return;
  const hasJoined = await isThere(join(options.root, options.run.stateDir, 'identity'));
  if (!hasJoined) {
    say(`Next: towline-runner join …, with the line that "towlinectl site create" prints,`);
    say('and then: systemctl start towline-runner');
    return;
  }
  if (hasChanged || !(await services.isActive(unitName))) {
    await services.restart(unitName);
    say('started the runner');
  }
  say(
    `Next: systemctl status towline-runner; variables such as HTTPS_PROXY go into ${environmentFile}`,
  );
}

async function requirePreflight({ preflight, say }: InstallOptions): Promise<void> {
  const checks = await preflight();
  const notable = checks.filter(({ status }) => status !== 'ok');
  if (notable.length > 0) say(printChecks(notable).trimEnd());
  if (passes(checks)) return;
  throw new RunnerError(
    'PREFLIGHT_FAILED',
    'this device is not ready, and nothing was changed: do what is said above, and run this again',
  );
}

async function ownProgramFile({ root, program }: InstallOptions): Promise<FileToWrite[]> {
  if (program.executable === undefined) return [];
  return [await programToWrite(program.executable, join(root, installedProgram))];
}

function unitToWrite(options: InstallOptions): Promise<FileToWrite> {
  const { root, program, runFlags, run, memoryMaxMegabytes, credentials } = options;
  const text = unitFile({
    command: [...program.command, 'run', ...runFlags],
    stateDirectory: run.stateDir === defaultStateDir ? 'towline' : undefined,
    memoryMaxMegabytes,
    credentials,
  });
  return textToWrite(unitPath(root), text);
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
