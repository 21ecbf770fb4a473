import { mkdtemp, readdir, readFile, copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, cacheDir } from './cache.ts';
import { runChecked } from './command.ts';
import { LabError } from './lab-error.ts';
import { writeImage, type ImageConfig, type ImageSpec } from './oci-image.ts';
import { aptEnvironment, refreshLists } from './packages.ts';
import { pauseProgram } from './pause-program.ts';
import { type Progress, withProgress } from './progress.ts';
import type { TarMember } from './tar.ts';

/** The name under which every device has busybox. */
export const busyboxImage = 'docker.io/library/busybox:1.36';
/** The name under which every device has the program that holds a pod's namespaces. */
export const pauseImage = 'registry.k8s.io/pause:3.6';

/** What building images needs: where to keep them, whom to tell. */
export interface ImageOptions {
  readonly progress: Progress;
  readonly cacheDir?: string;
  readonly signal?: AbortSignal;
}

/** An image for a test, made of busybox and files of its own. */
export interface ExtraImage {
  readonly name: string;
  /** Without busybox the image holds only `members`, say a program that is linked statically. */
  readonly withoutBusybox?: boolean;
  readonly members?: readonly TarMember[];
  readonly config?: ImageConfig;
}

/** Changes whenever the images' recipe does, so that a cache never gives an old one. */
const recipe = '2';

/**
 * The image tars that every device gets: busybox (from Debian's busybox-static, fetched once and not
 * installed) and pause. Kept in the cache.
 *
 * @throws LabError what fetching the package throws.
 */
export async function ensureLabImages(options: ImageOptions): Promise<string[]> {
  const dir = await cached(
    { name: 'lab-images', version: `${recipe}-${process.arch}` },
    async (target) => {
      await writeImage(join(target, 'busybox.tar'), {
        name: busyboxImage,
        members: await busyboxMembers(await ensureBusybox(options)),
        config: { cmd: ['sh'] },
      });
      await writeImage(join(target, 'pause.tar'), {
        name: pauseImage,
        members: [
          { kind: 'file', path: 'pause', content: pauseProgram(process.arch), mode: 0o755 },
        ],
        config: { entrypoint: ['/pause'], user: '65535:65535' },
      });
    },
    cacheOptions(options),
  );
  return [join(dir, 'busybox.tar'), join(dir, 'pause.tar')];
}

/** Writes the tar of an image of one's own to `path`, for {@link Device.importImage}. */
export async function buildImage(
  path: string,
  image: ExtraImage,
  options: ImageOptions,
): Promise<void> {
  await writeImage(path, await describeImage(image, options));
}

/** Everything that an image of one's own is made of. */
export async function describeImage(image: ExtraImage, options: ImageOptions): Promise<ImageSpec> {
  const base =
    image.withoutBusybox === true ? [] : await busyboxMembers(await ensureBusybox(options));
  return {
    name: image.name,
    members: [...base, ...(image.members ?? [])],
    ...(image.config !== undefined && { config: image.config }),
  };
}

async function ensureBusybox(options: ImageOptions): Promise<string> {
  const name = 'busybox-static';
  const dir = await cached(
    { name, version: process.arch },
    (target) => fetchBusybox(target, options),
    cacheOptions(options),
  );
  return join(dir, 'busybox');
}

/** The package conflicts with `busybox`, which most machines have: it is unpacked, not installed. */
async function fetchBusybox(target: string, options: ImageOptions): Promise<void> {
  const stop = options.signal && { signal: options.signal };
  await refreshLists(options.progress, options.signal);
  const work = await mkdtemp(`${target}-package-`);
  try {
    await withProgress(options.progress, 'downloading busybox-static', () =>
      runChecked('apt-get', ['download', '-q', '-o', 'APT::Sandbox::User=root', 'busybox-static'], {
        cwd: work,
        env: aptEnvironment(),
        ...stop,
      }),
    );
    const archive = (await readdir(work)).find((name) => name.endsWith('.deb'));
    if (archive === undefined) {
      throw new LabError('bad-answer', 'apt-get download busybox-static left no package');
    }
    await runChecked('dpkg-deb', ['--extract', join(work, archive), join(work, 'tree')], stop);
    const files = await readdir(join(work, 'tree'), { recursive: true, withFileTypes: true });
    const program = files.find(
      (file) => file.isFile() && file.name === 'busybox' && file.parentPath.endsWith('bin'),
    );
    if (program === undefined) {
      throw new LabError('bad-answer', 'the package busybox-static holds no bin/busybox');
    }
    await copyFile(join(program.parentPath, program.name), join(target, 'busybox'));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function busyboxMembers(program: string): Promise<TarMember[]> {
  const applets = (await runChecked(program, ['--list'])).split('\n').filter((name) => name !== '');
  return [
    ...['bin', 'etc', 'home', 'usr', 'usr/bin', 'var', 'var/tmp'].map(folder),
    { kind: 'folder', path: 'root', mode: 0o700 },
    { kind: 'folder', path: 'tmp', mode: 0o1777 },
    { kind: 'file', path: 'bin/busybox', content: await readFile(program), mode: 0o755 },
    ...applets
      .filter((name) => name !== 'busybox')
      .map((name) => ({ kind: 'symlink' as const, path: `bin/${name}`, target: 'busybox' })),
    { kind: 'symlink', path: 'usr/bin/env', target: '../../bin/busybox' },
    text(
      'etc/passwd',
      'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n',
    ),
    text('etc/group', 'root:x:0:\nnogroup:x:65534:\n'),
  ];
}

function folder(path: string): TarMember {
  return { kind: 'folder', path };
}

function text(path: string, content: string): TarMember {
  return { kind: 'file', path, content: Buffer.from(content) };
}

function cacheOptions(options: ImageOptions): {
  dir: string;
  progress: Progress;
  signal?: AbortSignal;
} {
  return {
    dir: options.cacheDir ?? cacheDir(),
    progress: options.progress,
    ...(options.signal && { signal: options.signal }),
  };
}
