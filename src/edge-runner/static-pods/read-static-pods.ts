import { createHash } from 'node:crypto';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod, Toleration } from '../../kube/api.ts';
import { withDefaultRequests } from '../../kube/pod-defaults.ts';
import {
  configHashAnnotation,
  configSeenAnnotation,
  configSourceAnnotation,
} from '../../kube/priority.ts';
import { nestsDeeper } from '../../tunnel/json-depth.ts';
import { hasCode } from '../volumes/node-error.ts';
import { maxManifestBytes, maxManifestDepth, maxStaticPods } from './limits.ts';

export interface StaticPodFiles {
  readonly pods: Pod[];
  /** Files that can't be used, each with why. */
  readonly problems: ReadonlyMap<string, string>;
}

/**
 * The pods that the files of a folder describe, one each, in YAML or JSON; files that begin with a dot
 * are left out, and a folder that isn't there has none. Name, uid and annotations are a kubelet's:
 * `NAME-NODE`, and a hash of node and contents, so that a file that changes is another pod. No taint of
 * the Node evicts them. They request what they are limited in, where they don't say what they request.
 * @param seenAt when a pod of this uid was first seen, RFC 3339.
 * Source: kubelet, pkg/kubelet/config, applyDefaults and recordFirstSeenTime.
 */
export async function readStaticPods(
  dir: string,
  nodeName: string,
  seenAt: (uid: string) => string,
): Promise<StaticPodFiles> {
  const pods: Pod[] = [];
  const problems = new Map<string, string>();
  for (const name of (await namesIn(dir)).slice(0, maxStaticPods)) {
    try {
      const text = await readBounded(join(dir, name));
      if (text === undefined) continue;
      pods.push(staticPod(await parse(name, text), text, { nodeName, seenAt }));
    } catch (error) {
      problems.set(name, error instanceof Error ? error.message : String(error));
    }
  }
  return { pods, problems };
}

/** What every static pod tolerates. */
const everyEviction: Toleration = { operator: 'Exists', effect: 'NoExecute' };

function staticPod(
  manifest: unknown,
  text: string,
  { nodeName, seenAt }: { nodeName: string; seenAt: (uid: string) => string },
): Pod {
  const { kind, metadata, spec } = manifest as Partial<Pod>;
  if (kind !== 'Pod') throw new TypeError('it is no Pod');
  if (typeof metadata?.name !== 'string' || !Array.isArray(spec?.containers)) {
    throw new TypeError('it lacks metadata.name or spec.containers');
  }
  const hash = createHash('sha256').update(`${nodeName}\n${text}`).digest('hex').slice(0, 32);
  return {
    apiVersion: 'v1',
    kind,
    metadata: {
      ...metadata,
      name: `${metadata.name}-${nodeName}`,
      namespace: metadata.namespace ?? 'default',
      uid: hash,
      annotations: {
        ...metadata.annotations,
        [configHashAnnotation]: hash,
        [configSeenAnnotation]: seenAt(hash),
        [configSourceAnnotation]: 'file',
      },
    },
    spec: {
      ...withDefaultRequests(spec),
      nodeName,
      tolerations: [...(spec.tolerations ?? []), everyEviction],
    },
  };
}

/** The YAML library is loaded by devices that need it only: it takes memory. */
async function parse(name: string, text: string): Promise<unknown> {
  const value: unknown = name.endsWith('.json')
    ? JSON.parse(text)
    : (await import('yaml')).parse(text, { maxAliasCount: 100 });
  if (typeof value !== 'object' || value === null) throw new TypeError('it is no object');
  if (nestsDeeper(Buffer.from(JSON.stringify(value)), maxManifestDepth)) {
    throw new TypeError(`it nests deeper than ${maxManifestDepth}`);
  }
  return value;
}

/** Undefined for what is no file. */
async function readBounded(path: string): Promise<string | undefined> {
  const file = await open(path, 'r');
  try {
    const stats = await file.stat();
    if (!stats.isFile()) return undefined;
    if (stats.size > maxManifestBytes) {
      throw new TypeError(`it is larger than ${maxManifestBytes} bytes`);
    }
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    return (await readdir(dir)).filter((name) => !name.startsWith('.')).sort();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}
