import type { CriClient } from './cri-client.ts';
import { hasCriCode } from './cri-error.ts';
import type { CallOptions } from './grpc-channel.ts';

export type CgroupDriverName = 'cgroupfs' | 'systemd';

/**
 * Which way the runtime makes cgroups, and so how `cgroupParent` must be written. Asked with
 * RuntimeConfig; containerd before 2.0 has that only in the config that a verbose Status shows.
 * Throws CriError.
 */
export async function readCgroupDriver(
  cri: Pick<CriClient, 'runtimeConfig' | 'status'>,
  options: CallOptions = {},
): Promise<CgroupDriverName> {
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
export function parseContainerdConfig(json: string): CgroupDriverName {
  const config = parse(json);
  const containerd = field(config, 'containerd');
  const name = field(containerd, 'defaultRuntimeName');
  const runtime = field(field(containerd, 'runtimes'), typeof name === 'string' ? name : 'runc');
  const ofRuntime = field(field(runtime, 'options'), 'SystemdCgroup') === true;
  return ofRuntime || field(config, 'systemdCgroup') === true ? 'systemd' : 'cgroupfs';
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
