import { join } from 'node:path';
import { controlPlanePrograms, ensureDebianControlPlane } from './control-plane-build.ts';
import { run } from './command.ts';
import { LabError, messageOf } from './lab-error.ts';
import { findProgram } from './packages.ts';
import type { Progress } from './progress.ts';

/** The programs of one control plane, ready to run. */
export interface ControlPlaneBinaries {
  /** Says where it comes from and which version it is, fit for the name of a test: `debian 1.20.2`. */
  readonly name: string;
  /** Without the `v`: `1.20.2`. */
  readonly version: string;
  readonly dir: string;
  readonly etcd: string;
}

/** A folder that was looked at and holds no complete control plane. */
export interface SkippedControlPlane {
  readonly dir: string;
  readonly reason: string;
}

/** All control planes of this machine; `found` has at least the Debian-built one. */
export interface FoundControlPlanes {
  readonly found: readonly ControlPlaneBinaries[];
  readonly skipped: readonly SkippedControlPlane[];
}

const envtestFolder = '/usr/local/kubebuilder/bin';

/**
 * Finds the control planes that tests can run against: the one built from Debian's source (built now
 * when there is none yet), and the one in KUBEBUILDER_ASSETS or its default folder when it is
 * complete. envtest's own archive holds only etcd, kube-apiserver and kubectl, which isn't enough.
 *
 * @throws LabError what building throws.
 */
export async function findControlPlanes(
  progress: Progress,
  options: { readonly env?: NodeJS.ProcessEnv; readonly signal?: AbortSignal } = {},
): Promise<FoundControlPlanes> {
  const env = options.env ?? process.env;
  const debian = await describe(
    'debian',
    await ensureDebianControlPlane(progress, options.signal && { signal: options.signal }),
  );
  const asked = env['KUBEBUILDER_ASSETS'];
  const dir = asked === undefined || asked === '' ? envtestFolder : asked;
  try {
    return { found: [debian, await describe('kubebuilder', dir)], skipped: [] };
  } catch (error) {
    return { found: [debian], skipped: [{ dir, reason: messageOf(error) }] };
  }
}

async function describe(origin: string, dir: string): Promise<ControlPlaneBinaries> {
  const missing: string[] = [];
  for (const program of controlPlanePrograms) {
    if ((await run(join(dir, program), ['--version']).catch(() => undefined))?.code !== 0) {
      missing.push(program);
    }
  }
  if (missing.length > 0) {
    throw new LabError('not-found', `${missing.join(', ')}: not there or not runnable`);
  }
  const { stdout } = await run(join(dir, 'kube-apiserver'), ['--version']);
  const version = /v(\d+\.\d+\.\d+\S*)/.exec(stdout)?.[1];
  if (version === undefined) {
    throw new LabError('bad-answer', `kube-apiserver --version says ${stdout.trim()}`);
  }
  return { name: `${origin} ${version}`, version, dir, etcd: await findEtcd(dir) };
}

async function findEtcd(dir: string): Promise<string> {
  const beside = join(dir, 'etcd');
  if ((await run(beside, ['--version']).catch(() => undefined))?.code === 0) {
    return beside;
  }
  const installed = findProgram('etcd');
  if (installed === undefined) {
    throw new LabError('not-found', 'there is no etcd: install etcd-server');
  }
  return installed;
}
