import { mkdtemp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConfigMap, Pod, Secret, Volume, VolumeClaim } from '../../../../src/kube/api.ts';
import { LinuxMounter } from '../../../../src/edge-runner/volumes/linux-mounter.ts';
import { ensureMemoryDir } from '../../../../src/edge-runner/volumes/memory-dir.ts';
import { tearDown } from '../../../../src/edge-runner/volumes/pod-teardown.ts';
import { PodVolumes, type VolumeSources } from '../../../../src/edge-runner/volumes/pod-volumes.ts';

/** Skips what needs mounts where there are none to be had. */
export const needsRoot = { skip: process.getuid?.() === 0 ? false : 'needs root' };

/** A device's disk and memory in a folder of its own, and objects for its pods. */
export interface Device {
  root: string;
  rootDir: string;
  memoryDir: string;
  mount: LinuxMounter;
  volumes: PodVolumes;
  objects: Map<string, ConfigMap | Secret>;
  claims: Map<string, VolumeClaim>;
  /** Certificates by `trustAnchorsName`. */
  anchors: Map<string, string>;
  /** Labels of the node; undefined: not known. */
  node: { labels: Record<string, string> | undefined };
  warnings: [reason: string, message: string][];
  sources: VolumeSources;
  token: { token: string };
}

interface Test {
  teardown(clean: () => Promise<void>): void;
}

export async function makeDevice(t: Test): Promise<Device> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'towline-volumes-')));
  const mount = new LinuxMounter();
  t.teardown(() => tearDown([root], mount));
  const paths = { rootDir: join(root, 'lib'), memoryDir: join(root, 'run') };
  await ensureMemoryDir(paths.memoryDir, mount);
  const objects = new Map<string, ConfigMap | Secret>();
  const claims = new Map<string, VolumeClaim>();
  const node: Device['node'] = { labels: undefined };
  const warnings: Device['warnings'] = [];
  const anchors = new Map<string, string>();
  const token = { token: 'token-1' };
  const sources: VolumeSources = {
    configMap: (namespace, name) => objects.get(`configmap/${namespace}/${name}`),
    secret: (namespace, name) => objects.get(`secret/${namespace}/${name}`),
    trustAnchors: (name) => anchors.get(name),
    claim: (namespace, name) => claims.get(`${namespace}/${name}`),
    nodeTraits: () => node.labels && { name: 'barn.farm', labels: node.labels },
    warn: (_, reason, message) => warnings.push([reason, message]),
    token: (_, { audience = '' }) => Promise.resolve({ token: token.token + audience }),
    fieldContext: () => ({
      podIPs: [],
      hostIPs: [],
      nodeName: 'barn.farm',
      allocatable: { cpu: '4', memory: '1Gi' },
    }),
  };
  const volumes = new PodVolumes({ ...paths, mount, log: { warn: () => undefined } });
  return {
    root,
    ...paths,
    mount,
    volumes,
    objects,
    claims,
    anchors,
    node,
    warnings,
    sources,
    token,
  };
}

/** A volume's source with the volume's name. */
export function volume(name: string, source: Partial<Volume>): Volume {
  return { name, ...source };
}

export function podWith(volumes: Volume[], parts: Partial<Pod['spec']> = {}): Pod {
  return {
    metadata: { name: 'web', namespace: 'shop', uid: 'uid-1', labels: { tier: 'front' } },
    spec: { containers: [{ name: 'main' }], volumes, ...parts },
  };
}

export function configMap(name: string, data: Record<string, string>): ConfigMap {
  return { metadata: { name, namespace: 'shop' }, data };
}

export function secret(name: string, data: Record<string, string>): Secret {
  const encoded = Object.entries(data).map(([key, value]) => [key, btoa(value)] as const);
  return { metadata: { name, namespace: 'shop' }, data: Object.fromEntries(encoded) };
}
