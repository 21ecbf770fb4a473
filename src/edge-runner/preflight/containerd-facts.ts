import { CriClient } from '../cri/cri-client.ts';
import { CriError } from '../cri/cri-error.ts';
import { GrpcChannel } from '../cri/grpc-channel.ts';
import { fieldOf, parseJson } from '../cri/json-field.ts';
import { cniSettingsIn, type CniSettings } from '../network/cni-settings.ts';
import { runtimeTrouble } from '../run/check-runtime.ts';

/** What a running containerd says of itself, or why there is nothing to ask. */
export type ContainerdFacts =
  | {
      readonly version: string;
      /** Program of the default runtime. */
      readonly runtime: string;
      readonly cni: CniSettings;
      readonly networkReady: boolean;
      /** Why the network isn't ready, in containerd's words. */
      readonly networkMessage: string;
    }
  | { readonly trouble: { readonly found: string; readonly remedy: string } };

const answerTimeoutMs = 5_000;

/** Asks containerd; never rejects for what containerd does. */
export async function askContainerd(socketPath: string): Promise<ContainerdFacts> {
  const channel = new GrpcChannel({ socketPath });
  try {
    const cri = new CriClient(channel);
    const timeout = { timeoutMs: answerTimeoutMs };
    const { runtimeVersion } = await cri.version({}, timeout);
    const { status, info } = await cri.status({ verbose: true }, timeout);
    const network = status?.conditions.find(({ type }) => type === 'NetworkReady');
    return {
      version: runtimeVersion,
      runtime: runtimeProgram(info['config']),
      cni: cniSettingsIn(info['config']),
      networkReady: network?.status === true,
      networkMessage: network?.message ?? '',
    };
  } catch (error) {
    if (!(error instanceof CriError)) throw error;
    return { trouble: runtimeTrouble(error) };
  } finally {
    await channel.close();
  }
}

function runtimeProgram(config: string | undefined): string {
  const containerd = fieldOf(parseJson(config), 'containerd');
  const name = fieldOf(containerd, 'defaultRuntimeName');
  const runtime = fieldOf(fieldOf(containerd, 'runtimes'), String(name));
  const program = fieldOf(fieldOf(runtime, 'options'), 'BinaryName');
  return typeof program === 'string' && program !== '' ? program : 'runc';
}
