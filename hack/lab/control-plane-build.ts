import {
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { basename, join } from 'node:path';
import { cached, findCached, cacheDir } from './cache.ts';
import { runChecked } from './command.ts';
import { openSourceApt, type SourceApt } from './debian-source.ts';
import { withFileLock } from './file-lock.ts';
import { LabError } from './lab-error.ts';
import { ensurePackages, refreshLists, type Requirement } from './packages.ts';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';
import { findProcesses, killAll } from './process-scan.ts';
import { type Progress, withProgress } from './progress.ts';

/** The programs of a control plane beside etcd. */
export const controlPlanePrograms = [
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
] as const;

const entryName = 'debian-kubernetes-reflect2';
const workPrefix = 'build-';
const workOwnerFile = 'owner.json';

/**
 * The reflect2 that Kubernetes 1.20 carries reads Go maps by a layout that ended with Go 1.17: built
 * with a newer Go, kube-apiserver crashes on the first custom resource. Debian's own 1.0.2 is right.
 */
const reflect2Source = '/usr/share/gocode/src/github.com/modern-go/reflect2';

const buildRequirements: readonly Requirement[] = [
  { paths: ['go'], debianPackage: 'golang-go' },
  { paths: ['rsync'], debianPackage: 'rsync' },
  { paths: ['make'], debianPackage: 'make' },
  { paths: ['dpkg-source'], debianPackage: 'dpkg-dev' },
  { paths: [reflect2Source], debianPackage: 'golang-github-modern-go-reflect2-dev' },
];

/**
 * The folder that holds kube-apiserver, kube-controller-manager and kube-scheduler, built from
 * Debian's source package `kubernetes`. Built once per machine (some 4 minutes on two cores) and kept
 * in the cache; when the cache holds it, nothing is downloaded or installed.
 *
 * @throws LabError `not-root`, `not-debian`, `not-found` when the archive has no such source,
 *   `command-failed` with the end of what the build said.
 */
export async function ensureDebianControlPlane(
  progress: Progress,
  options: { readonly cacheDir?: string; readonly signal?: AbortSignal } = {},
): Promise<string> {
  const { signal } = options;
  const dir = options.cacheDir ?? cacheDir();
  await mkdir(dir, { recursive: true });
  await sweepBuilds(dir);
  const [kept] = await findCached(entryName, dir);
  if (kept !== undefined) {
    return kept.dir;
  }
  const waiting = { progress, ...(signal && { signal }) };
  return withFileLock(join(dir, `${entryName}.lock`), waiting, async () => {
    const [made] = await findCached(entryName, dir);
    return made?.dir ?? prepareAndBuild(progress, dir, signal);
  });
}

async function prepareAndBuild(
  progress: Progress,
  dir: string,
  signal?: AbortSignal,
): Promise<string> {
  await ensurePackages(progress, buildRequirements, signal);
  await refreshLists(progress, signal);
  const work = await mkdtemp(join(dir, `${workPrefix}${process.pid}-`));
  await writeFile(join(work, workOwnerFile), JSON.stringify(identify(process.pid)));
  try {
    const apt = await withProgress(progress, 'fetching Debian source lists', () =>
      openSourceApt(join(work, 'apt'), signal),
    );
    const version = await apt.version('kubernetes');
    return await cached(
      { name: entryName, version },
      (target) => build({ apt, version, work, target, progress, ...(signal && { signal }) }),
      { dir, progress, ...(signal && { signal }) },
    );
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** `1.20.5+really1.20.2-1.1+deb12u1` is upstream's 1.20.2: what Debian's version means. */
export function upstreamVersion(debianVersion: string): string {
  const withoutEpoch = debianVersion.replace(/^\d+:/, '');
  const really = /\+really(\d+\.\d+\.\d+)/.exec(withoutEpoch)?.[1];
  const plain = /^(\d+\.\d+\.\d+)/.exec(withoutEpoch)?.[1];
  const version = really ?? plain;
  if (version === undefined) {
    throw new LabError('bad-answer', `${debianVersion} is not a version of Kubernetes`);
  }
  return version;
}

interface Build {
  readonly apt: SourceApt;
  readonly version: string;
  readonly work: string;
  readonly target: string;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

async function build(options: Build): Promise<void> {
  const { apt, version, work, target, progress, signal } = options;
  const stop = signal && { signal };
  const tree = join(work, 'gopath', 'kubernetes');
  await mkdir(join(work, 'download'));
  await mkdir(join(work, 'gopath'));
  const dsc = await withProgress(progress, `downloading the source of kubernetes ${version}`, () =>
    apt.download('kubernetes', version, join(work, 'download')),
  );
  await withProgress(progress, 'unpacking it', () =>
    // apt has verified the signature's chain and the hashes already.
    runChecked('dpkg-source', ['--no-check', '--extract', dsc, tree], { ...stop }),
  );
  await replaceReflect2(tree);
  const what = controlPlanePrograms.map((program) => `cmd/${program}`).join(' ');
  const upstream = upstreamVersion(version);
  let last = '';
  await withProgress(
    progress,
    `building ${controlPlanePrograms.join(', ')} ${upstream} (about 4 minutes, once)`,
    async () =>
      runChecked('make', [`WHAT=${what}`, 'GOLDFLAGS=-s -w', 'GOFLAGS=-v'], {
        cwd: await underGopath(work, tree),
        env: await buildEnvironment(work, upstream),
        onLine: (line) => {
          last = line.replace(/^[+!\s]*\[[^\]]*\]\s*/, '').slice(0, 60) || last;
        },
        ...stop,
      }),
    () => last,
  );
  await collect(tree, target);
}

async function replaceReflect2(tree: string): Promise<void> {
  const vendored = join(tree, 'vendor/github.com/modern-go/reflect2');
  await rm(vendored, { recursive: true });
  await cp(reflect2Source, vendored, { recursive: true, dereference: true });
}

/** The makefiles of 1.20 want the tree at its import path below a GOPATH. */
async function underGopath(work: string, tree: string): Promise<string> {
  const parent = join(work, 'gopath', '.go', 'src', 'k8s.io');
  await mkdir(parent, { recursive: true });
  const path = join(parent, 'kubernetes');
  await symlink(tree, path);
  return path;
}

async function buildEnvironment(work: string, upstream: string): Promise<NodeJS.ProcessEnv> {
  const [major = '', minor = ''] = upstream.split('.');
  const versionFile = join(work, 'version');
  const lines = {
    KUBE_GIT_COMMIT: '0000000000000000000000000000000000000000',
    KUBE_GIT_TREE_STATE: 'archive',
    KUBE_GIT_VERSION: `v${upstream}`,
    KUBE_GIT_MAJOR: major,
    KUBE_GIT_MINOR: minor,
  };
  await writeFile(
    versionFile,
    Object.entries(lines)
      .map(([name, value]) => `${name}='${value}'\n`)
      .join(''),
  );
  return {
    ...buildMark(work),
    PATH: process.env['PATH'],
    HOME: work,
    LC_ALL: 'C.UTF-8',
    GOPATH: join(work, 'gopath', '.go'),
    GOCACHE: join(work, 'go-cache'),
    GOPROXY: 'off',
    GOTOOLCHAIN: 'local',
    CGO_ENABLED: '0',
    KUBE_GIT_VERSION_FILE: versionFile,
  };
}

async function collect(tree: string, target: string): Promise<void> {
  const outputs = await readdir(join(tree, '_output'), { recursive: true, withFileTypes: true });
  for (const program of controlPlanePrograms) {
    const built = outputs.find((entry) => entry.isFile() && entry.name === program);
    if (built === undefined) {
      throw new LabError('bad-answer', `the build of kubernetes ended well but made no ${program}`);
    }
    await rename(join(built.parentPath, program), join(target, program));
  }
}

/** A build whose owner was killed goes on and fills the disk: it is ended, and its folder removed. */
async function sweepBuilds(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    const work = join(dir, name);
    if (name.startsWith(workPrefix) && !(await hasLivingOwner(work))) {
      const marks = Object.entries(buildMark(work)).map(([key, value]) => `${key}=${value}`);
      await killAll(() => findProcesses({ environment: marks }));
      await rm(work, { recursive: true, force: true });
    }
  }
}

async function hasLivingOwner(work: string): Promise<boolean> {
  const text = await readFile(join(work, workOwnerFile), 'utf8').catch(() => undefined);
  if (text === undefined) {
    // Its owner is about to write who it is.
    return identify(Number(basename(work).split('-')[1])) !== undefined;
  }
  return isAlive(JSON.parse(text) as ProcessIdentity);
}

function buildMark(work: string): Record<string, string> {
  return { TOWLINE_BUILD: work };
}
