import type { VolumeMount } from './api.ts';
import type { EnvironmentEntry } from './env.ts';
import { expandVariables } from './expand.ts';
import { KubeRuleError } from './kube-rule-error.ts';

/**
 * A mount with its `subPathExpr` replaced by the `subPath` that it stands for.
 * @throws KubeRuleError `CONFIG_ERROR` for a variable that the container doesn't have, or that is empty
 * Source: kubelet, ExpandContainerVolumeMounts.
 */
export function withSubPath(mount: VolumeMount, env: EnvironmentEntry[]): VolumeMount {
  const { subPathExpr, ...rest } = mount;
  if (subPathExpr === undefined || subPathExpr === '') return mount;
  const values = new Map(env.map(({ name, value }) => [name, value]));
  const missing = new Set<string>();
  const subPath = expandVariables(subPathExpr, (name) => {
    const value = values.get(name);
    if (value === undefined || value === '') missing.add(name);
    return value;
  });
  if (missing.size === 0) return { ...rest, subPath };
  throw new KubeRuleError(
    'CONFIG_ERROR',
    `missing value for ${Array.from(missing).sort().join(', ')}`,
  );
}
