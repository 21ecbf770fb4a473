import { fieldOf, parseJson } from '../cri/json-field.ts';
import { listNames, readText, type HostRoot } from '../host/host-files.ts';
import type { CniSettings } from '../network/cni-settings.ts';
import { findCniConfig } from '../network/find-cni-config.ts';

export interface CniFacts extends CniSettings {
  /** Names of the plugins that are installed. */
  readonly plugins: readonly string[];
  /** The configuration that containerd takes: the first by name. */
  readonly configFile: string | undefined;
  /** Plugins that it names; undefined when it can't be read. */
  readonly configPlugins: readonly string[] | undefined;
}

/** Reads which CNI plugins and which configuration the device has. */
export async function readCniFacts(root: HostRoot, settings: CniSettings): Promise<CniFacts> {
  const installed = await Promise.all(settings.pluginDirs.map((dir) => listNames(root, dir)));
  const configFile = await findCniConfig(root, settings.configDir);
  const text = configFile === undefined ? undefined : await readText(root, configFile);
  return {
    ...settings,
    plugins: [...new Set(installed.flat())].sort(),
    configFile,
    configPlugins: pluginsIn(text),
  };
}

/** Types of the plugins in a list, or of the one that stands alone, with their IPAM plugins. */
function pluginsIn(text: string | undefined): string[] | undefined {
  const config = parseJson(text);
  const listed = fieldOf(config, 'plugins');
  const plugins: unknown[] = Array.isArray(listed) ? listed : [config];
  const types = plugins.flatMap((plugin) => [
    fieldOf(plugin, 'type'),
    fieldOf(fieldOf(plugin, 'ipam'), 'type'),
  ]);
  const names = types.filter((type) => typeof type === 'string');
  return names.length > 0 ? names : undefined;
}
