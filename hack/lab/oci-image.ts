import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { writeTar, type TarMember } from './tar.ts';

/** How containers of an image run when nothing else is said; the fields of the OCI image configuration. */
export interface ImageConfig {
  /** `NAME=value` */
  readonly env?: readonly string[];
  /** `uid`, `uid:gid` or a name. */
  readonly user?: string;
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly workingDir?: string;
  readonly stopSignal?: string;
  /** Paths that become volumes. */
  readonly volumes?: readonly string[];
}

/** An image of one layer, of this machine's architecture. */
export interface ImageSpec {
  /** With registry and tag: `docker.io/library/busybox:1.36`. */
  readonly name: string;
  readonly members: readonly TarMember[];
  readonly config?: ImageConfig;
}

export const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
} as const;

/** The three documents that an image consists of. */
export interface ImageParts {
  readonly layer: Uint8Array;
  readonly config: Uint8Array;
  readonly manifest: Uint8Array;
}

/** Works out an image's documents (OCI image specification, manifest.md and config.md). */
export function imageParts(spec: Omit<ImageSpec, 'name'>): ImageParts {
  const layer = writeTar(spec.members);
  const config = json(imageConfig(spec.config ?? {}, digest(layer)));
  const manifest = json({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: descriptor(mediaTypes.config, config),
    layers: [descriptor(mediaTypes.layer, layer)],
  });
  return { layer, config, manifest };
}

/** Writes an image as a tar of an OCI image layout (image-layout.md), which `ctr images import` takes. */
export async function writeImage(path: string, spec: ImageSpec): Promise<void> {
  const { layer, config, manifest } = imageParts(spec);
  const index = json({
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: [
      {
        ...descriptor(mediaTypes.manifest, manifest),
        // containerd reads the image's full name here.
        annotations: { 'io.containerd.image.name': spec.name },
      },
    ],
  });
  const archive = writeTar([
    { kind: 'file', path: 'oci-layout', content: json({ imageLayoutVersion: '1.0.0' }) },
    { kind: 'file', path: 'index.json', content: index },
    ...[layer, config, manifest].map((content) => blob(content)),
  ]);
  await writeFile(path, archive);
}

function imageConfig(config: ImageConfig, diffId: string): object {
  const volumes = config.volumes?.map((path) => [path, {}] as const);
  return {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    created: '1970-01-01T00:00:00Z',
    config: {
      Env: config.env ?? ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      ...(config.user !== undefined && { User: config.user }),
      ...(config.entrypoint !== undefined && { Entrypoint: config.entrypoint }),
      ...(config.cmd !== undefined && { Cmd: config.cmd }),
      ...(config.workingDir !== undefined && { WorkingDir: config.workingDir }),
      ...(config.stopSignal !== undefined && { StopSignal: config.stopSignal }),
      ...(volumes !== undefined && { Volumes: Object.fromEntries(volumes) }),
    },
    rootfs: { type: 'layers', diff_ids: [diffId] },
  };
}

function descriptor(mediaType: string, content: Uint8Array): object {
  return { mediaType, digest: digest(content), size: content.length };
}

function blob(content: Uint8Array): TarMember {
  return { kind: 'file', path: `blobs/${digest(content).replace(':', '/')}`, content };
}

/** As OCI writes it, `sha256:` and so on. */
export function digest(content: Uint8Array): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}
