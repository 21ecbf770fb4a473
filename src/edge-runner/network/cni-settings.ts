import type { CriClient } from '../cri/cri-client.ts';
import { fieldOf, parseJson } from '../cri/json-field.ts';

/** Where containerd's CRI looks for CNI configurations and plugins. */
export interface CniSettings {
  readonly configDir: string;
  readonly pluginDirs: readonly string[];
}

/** containerd's own, and where Debian puts the plugins. */
export const defaultCniSettings: CniSettings = {
  configDir: '/etc/cni/net.d',
  pluginDirs: ['/opt/cni/bin', '/usr/lib/cni'],
};

/** Reads them from the configuration that a verbose CRI status shows. @throws CriError */
export async function readCniSettings(cri: Pick<CriClient, 'status'>): Promise<CniSettings> {
  const { info } = await cri.status({ verbose: true });
  return cniSettingsIn(info['config']);
}

/** Of containerd's configuration as JSON; `binDirs` came with containerd 2.1. */
export function cniSettingsIn(config: string | undefined): CniSettings {
  const cni = fieldOf(parseJson(config), 'cni');
  const configDir = fieldOf(cni, 'confDir');
  const dirs: unknown[] = [fieldOf(cni, 'binDirs'), fieldOf(cni, 'binDir')].flat();
  const pluginDirs = dirs.filter((dir): dir is string => typeof dir === 'string' && dir !== '');
  return {
    configDir: typeof configDir === 'string' ? configDir : defaultCniSettings.configDir,
    pluginDirs: pluginDirs.length > 0 ? pluginDirs : defaultCniSettings.pluginDirs,
  };
}
