import type {
  ConfigMap,
  Container,
  EnvFromSource,
  EnvVar,
  FileKeySelector,
  KeySelector,
  Pod,
  Secret,
} from './api.ts';
import { envFileValue } from './env-file.ts';
import { expandVariables } from './expand.ts';
import { podFieldValue, type FieldContext } from './field-path.ts';
import { KubeRuleError } from './kube-rule-error.ts';
import { resourceFieldValue } from './resource-field.ts';

export interface EnvironmentRequest {
  pod: Pod;
  container: Container;
  /** Objects of the pod's namespace; undefined when there is no such object. */
  configMap: (name: string) => ConfigMap | undefined;
  secret: (name: string) => Secret | undefined;
  context: FieldContext;
  /**
   * What is in a file of the pod's volumes, and where it is on the device.
   * @throws KubeRuleError `CONFIG_ERROR` when it can't be had
   */
  file?: (selector: FileKeySelector) => { path: string; text: string };
  /** Variables that describe services; everything else goes before them. */
  services?: Record<string, string>;
}

export interface EnvironmentEntry {
  name: string;
  value: string;
}

export interface EnvironmentWarning {
  reason: 'InvalidEnvironmentVariableNames';
  message: string;
}

export interface ResolvedEnvironment {
  env: EnvironmentEntry[];
  /** To be reported as events; the container starts nevertheless. */
  warnings: EnvironmentWarning[];
}

/**
 * A container's environment: `envFrom` in order, then `env` in order, later names winning, each
 * `value` expanded with what came before it. Secret values are decoded from base64.
 * @throws KubeRuleError `CONFIG_ERROR` with the kubelet's message for a reference that is missing and
 *   not optional, or that cannot be resolved.
 * Source: kubelet, makeEnvironmentVariables.
 */
export function resolveEnvironment(request: EnvironmentRequest): ResolvedEnvironment {
  const values = new Map<string, string>();
  const warnings: EnvironmentWarning[] = [];
  const services = request.services ?? {};
  for (const source of request.container.envFrom ?? []) addAll(request, source, values, warnings);
  for (const variable of request.container.env ?? []) {
    const value = valueOf(request, variable, (name) => values.get(name) ?? services[name]);
    if (value !== undefined) values.set(variable.name, value);
  }
  for (const [name, value] of Object.entries(services)) {
    if (!values.has(name)) values.set(name, value);
  }
  return { env: Array.from(values, ([name, value]) => ({ name, value })), warnings };
}

function addAll(
  request: EnvironmentRequest,
  source: EnvFromSource,
  values: Map<string, string>,
  warnings: EnvironmentWarning[],
): void {
  const reference = source.configMapRef ?? source.secretRef;
  if (reference === undefined) return;
  const name = reference.name ?? '';
  const kind = source.configMapRef ? 'configMap' : 'secret';
  const data = kind === 'configMap' ? configMapData(request, name) : secretData(request, name);
  if (data === undefined) {
    if (reference.optional === true) return;
    throw notFound(kind.toLowerCase(), name);
  }
  const invalid: string[] = [];
  for (const [key, read] of data) {
    const variable = (source.prefix ?? '') + key;
    if (isEnvironmentName(variable)) values.set(variable, read());
    else invalid.push(variable);
  }
  if (invalid.length === 0) return;
  warnings.push({
    reason: 'InvalidEnvironmentVariableNames',
    message: `Keys [${invalid.sort().join(', ')}] from the EnvFrom ${kind} ${request.pod.metadata.namespace ?? ''}/${name} were skipped since they are considered invalid environment variable names.`,
  });
}

/** Undefined: the variable isn't set, because an optional reference leads nowhere. */
function valueOf(
  request: EnvironmentRequest,
  variable: EnvVar,
  lookup: (name: string) => string | undefined,
): string | undefined {
  if (variable.value !== undefined && variable.value !== '') {
    return expandVariables(variable.value, lookup);
  }
  const from = variable.valueFrom;
  if (from === undefined) return '';
  if (from.fieldRef) {
    const { fieldPath } = from.fieldRef;
    return asConfigError(() => podFieldValue(request.pod, fieldPath, request.context));
  }
  if (from.resourceFieldRef) {
    const selector = from.resourceFieldRef;
    const { pod, container, context } = request;
    return asConfigError(() => resourceFieldValue(pod, container, selector, context.allocatable));
  }
  if (from.configMapKeyRef) {
    return keyValue(request, from.configMapKeyRef, 'ConfigMap', configMapData);
  }
  if (from.secretKeyRef) return keyValue(request, from.secretKeyRef, 'Secret', secretData);
  if (from.fileKeyRef) return fileValue(request, from.fileKeyRef);
  return '';
}

function keyValue(
  request: EnvironmentRequest,
  selector: KeySelector,
  kind: 'ConfigMap' | 'Secret',
  dataOf: (request: EnvironmentRequest, name: string) => KeyedData | undefined,
): string | undefined {
  const name = selector.name ?? '';
  const data = dataOf(request, name);
  const value = data?.get(selector.key);
  if (value !== undefined) return value();
  if (selector.optional === true) return undefined;
  if (data === undefined) throw notFound(kind.toLowerCase(), name);
  throw new KubeRuleError(
    'CONFIG_ERROR',
    `couldn't find key ${selector.key} in ${kind} ${request.pod.metadata.namespace ?? ''}/${name}`,
  );
}

/** Kubelet: `optional` is about the key; the file must be there and readable in any case. */
function fileValue({ file }: EnvironmentRequest, selector: FileKeySelector): string | undefined {
  const { key, volumeName, optional } = selector;
  if (file === undefined) {
    const message = `cannot find the volume ${JSON.stringify(volumeName)} referenced by FileKeyRef`;
    throw new KubeRuleError('CONFIG_ERROR', message);
  }
  const { path, text } = file(selector);
  const value = envFileValue(text, key);
  if (value !== '') return value;
  if (optional === true) return undefined;
  const message = `environment variable key ${JSON.stringify(key)} not found in file ${JSON.stringify(path)}`;
  throw new KubeRuleError('CONFIG_ERROR', message);
}

/** Keys to readers, so that a Secret is decoded only where it is used. */
type KeyedData = Map<string, () => string>;

function configMapData(request: EnvironmentRequest, name: string): KeyedData | undefined {
  const object = request.configMap(name);
  if (object === undefined) return undefined;
  return new Map(Object.entries(object.data ?? {}).map(([key, value]) => [key, () => value]));
}

function secretData(request: EnvironmentRequest, name: string): KeyedData | undefined {
  const object = request.secret(name);
  if (object === undefined) return undefined;
  const entries = Object.entries(object.data ?? {});
  return new Map(
    entries.map(([key, value]) => [key, () => Buffer.from(value, 'base64').toString('utf8')]),
  );
}

function isEnvironmentName(name: string): boolean {
  return /^[ -<>-~]+$/.test(name);
}

function notFound(kind: string, name: string): KubeRuleError {
  return new KubeRuleError('CONFIG_ERROR', `${kind} ${JSON.stringify(name)} not found`);
}

function asConfigError(read: () => string): string {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof KubeRuleError)) throw error;
    throw new KubeRuleError('CONFIG_ERROR', error.message, { cause: error });
  }
}
