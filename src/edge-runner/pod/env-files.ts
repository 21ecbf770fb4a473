import type { Container, FileKeySelector, Pod } from '../../kube/api.ts';
import { unreadable } from '../../kube/env-file.ts';
import { KubeRuleError } from '../../kube/kube-rule-error.ts';
import type { PodVolumes } from '../volumes/pod-volumes.ts';
import { VolumeError } from '../volumes/volume-error.ts';

interface EnvFile {
  path: string;
  text: string;
}

/**
 * Reads the files that a container's variables come from. Returns what gives each of them, or throws
 * KubeRuleError `CONFIG_ERROR` with a kubelet's words for one that can't be had.
 */
export async function readEnvFiles(
  volumes: Pick<PodVolumes, 'readFile'>,
  pod: Pod,
  container: Container,
): Promise<(selector: FileKeySelector) => EnvFile> {
  const files = new Map<string, EnvFile | KubeRuleError>();
  for (const { valueFrom } of container.env ?? []) {
    const selector = valueFrom?.fileKeyRef;
    if (selector === undefined || files.has(keyOf(selector))) continue;
    files.set(keyOf(selector), await volumes.readFile(pod, selector).catch(problemOf));
  }
  return (selector) => {
    const file = files.get(keyOf(selector)) ?? unreadable();
    if (file instanceof KubeRuleError) throw file;
    return file;
  };
}

function keyOf({ volumeName, path }: FileKeySelector): string {
  return `${volumeName}/${path}`;
}

/** Kubelet: what is wrong with a file is told to nobody who can't see it. */
function problemOf(error: unknown): KubeRuleError {
  if (!(error instanceof VolumeError) || error.code !== 'NO_SUCH_VOLUME') return unreadable(error);
  return new KubeRuleError('CONFIG_ERROR', error.message, { cause: error });
}
