import { dnsLabelForm, isDnsLabel } from '../kube/dns-label.ts';
import type { SiteRef } from './cluster.ts';
import { CliError } from './errors.ts';

/**
 * A site by names that the API server would take.
 * @throws CliError `USAGE`
 */
export function siteRef(namespace: string, name: string): SiteRef {
  requireNamespace(namespace);
  if (isDnsLabel(name)) return { namespace, name };
  throw new CliError('USAGE', `"${name}" cannot be the name of a site: use ${dnsLabelForm}`);
}

/** @throws CliError `USAGE` */
export function requireNamespace(namespace: string): void {
  if (isDnsLabel(namespace)) return;
  throw new CliError(
    'USAGE',
    `"${namespace}" cannot be the name of a namespace: that is ${dnsLabelForm}`,
  );
}
