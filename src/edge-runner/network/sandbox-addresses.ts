import type { CriClient } from '../cri/cri-client.ts';

/**
 * Whether a sandbox has an address of the pod network: one that is up and doesn't share the device's
 * network. What a reboot has left of them has none, and one that is being made isn't listed before its
 * network is there. @throws CriError
 */
export async function hasAddresses(
  cri: Pick<CriClient, 'listPodSandbox' | 'podSandboxStatus'>,
): Promise<boolean> {
  const filter = { state: { state: 'SANDBOX_READY' as const } };
  for (const { id } of (await cri.listPodSandbox({ filter })).items) {
    const { status } = await cri.podSandboxStatus({ podSandboxId: id });
    if (status?.linux?.namespaces?.options?.network !== 'NODE') return true;
  }
  return false;
}
