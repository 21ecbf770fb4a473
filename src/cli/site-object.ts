import type { Taint } from '../kube/api.ts';
import { isLabelKey, isLabelValue, labelForm } from '../kube/label-form.ts';
import type { Site, SiteSpec } from '../kube/site.ts';
import type { SiteRef } from './cluster.ts';
import { CliError } from './errors.ts';

export interface SiteFlags {
  nodeLabel: readonly string[];
  /** `[]`: the node gets the default taint; `false`: none at all. */
  taint: readonly string[] | false;
}

/**
 * The Site that the flags describe.
 * @throws CliError `USAGE`
 */
export function siteOf(ref: SiteRef, flags: SiteFlags, join: SiteSpec['join']): Site {
  const taints = flags.taint === false ? [] : flags.taint.map(parseTaint);
  const hasTaints = flags.taint === false || taints.length > 0;
  const labels = Object.fromEntries(flags.nodeLabel.map(parseLabel));
  return {
    apiVersion: 'towline.dev/v1alpha1',
    kind: 'Site',
    metadata: { namespace: ref.namespace, name: ref.name },
    spec: {
      ...(flags.nodeLabel.length > 0 ? { nodeLabels: labels } : {}),
      ...(hasTaints ? { taints } : {}),
      ...(join === undefined ? {} : { join }),
    },
  };
}

function parseLabel(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at <= 0) {
    throw new CliError('USAGE', `"${text}" is not a label: give --node-label KEY=VALUE`);
  }
  const [key, value] = [text.slice(0, at), text.slice(at + 1)];
  requireKeyAndValue('--node-label', key, value);
  return [key, value];
}

/** `key=value:Effect` or `key:Effect`, as `kubectl taint` takes them. */
function parseTaint(text: string): Taint {
  const [, key, value, effect] =
    /^([^=:]+)(?:=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$/.exec(text) ?? [];
  if (key === undefined || effect === undefined) {
    throw new CliError(
      'USAGE',
      `"${text}" is not a taint: give --taint KEY=VALUE:EFFECT, with NoSchedule, PreferNoSchedule or NoExecute`,
    );
  }
  requireKeyAndValue('--taint', key, value ?? '');
  return {
    key,
    ...(value === undefined || value === '' ? {} : { value }),
    effect: effect as Taint['effect'],
  };
}

/** What a Node couldn't have must not get into a Site. */
function requireKeyAndValue(flag: string, key: string, value: string): void {
  if (!isLabelKey(key)) {
    throw new CliError(
      'USAGE',
      `${flag}: "${key}" cannot be a key: use ${labelForm}, and if need be a domain and "/" before it`,
    );
  }
  if (!isLabelValue(value)) {
    throw new CliError(
      'USAGE',
      `${flag}: "${value}" cannot be the value of ${key}: use ${labelForm}`,
    );
  }
}
