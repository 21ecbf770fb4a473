import type { CriClient } from './cri-client.ts';
import { hasCriCode } from './cri-error.ts';
import type { CallOptions } from './grpc-channel.ts';
import { fieldOf, parseJson } from './json-field.ts';

export type CgroupDriverName = 'cgroupfs' | 'systemd';

/**
 * Which way the runtime makes cgroups, and so how `cgroupParent` must be written. Asked with
 * RuntimeConfig; containerd before 2.0 has that only in the config that a verbose Status shows.
 * Undefined when neither says. Throws CriError.
 */
export async function readCgroupDriver(
  cri: Pick<CriClient, 'runtimeConfig' | 'status'>,
  options: CallOptions = {},
): Promise<CgroupDriverName | undefined> {
  try {
    const { linux } = await cri.runtimeConfig({}, options);
    return linux?.cgroupDriver === 'CGROUPFS' ? 'cgroupfs' : 'systemd';
  } catch (error) {
    if (!hasCriCode(error, 'UNIMPLEMENTED')) throw error;
  }
  const { info } = await cri.status({ verbose: true }, options);
  return parseContainerdConfig(info.config ?? '{}');
}

/** The driver of the default runtime in containerd's own config, as JSON. */
export function parseContainerdConfig(json: string): CgroupDriverName | undefined {
  const config = parseJson(json);
  const containerd = fieldOf(config, 'containerd');
  const name = fieldOf(containerd, 'defaultRuntimeName');
  const runtime = fieldOf(
    fieldOf(containerd, 'runtimes'),
    typeof name === 'string' ? name : 'runc',
  );
  if (fieldOf(config, 'systemdCgroup') === true) return 'systemd';
  if (runtime === undefined) return undefined;
  return fieldOf(fieldOf(runtime, 'options'), 'SystemdCgroup') === true ? 'systemd' : 'cgroupfs';
}
