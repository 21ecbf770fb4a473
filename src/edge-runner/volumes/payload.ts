import { isAbsolute } from 'node:path';
import type {
  ClusterTrustBundleProjection,
  ConfigMap,
  DownwardApiFile,
  KeyToPath,
  Pod,
  Secret,
  ServiceAccountTokenProjection,
  Volume,
  VolumeClaim,
  VolumeProjection,
} from '../../kube/api.ts';
import { podFieldValue, type FieldContext } from '../../kube/field-path.ts';
import type { NodeTraits } from '../../kube/node-affinity.ts';
import { resourceFieldValue } from '../../kube/resource-field.ts';
import { trustAnchorsName } from '../../kube/trust-anchors.ts';
import { maxVolumePathLength } from './limits.ts';
import { VolumeError } from './volume-error.ts';

export interface PayloadFile {
  data: Buffer;
  mode: number;
  /** Owner, when it isn't root. */
  uid?: number;
}

/** A volume's files by their path in it. */
export type Payload = Map<string, PayloadFile>;

/** Where contents come from: the store, and for tokens the cloud. */
export interface VolumeSources {
  configMap(namespace: string, name: string): ConfigMap | undefined;
  secret(namespace: string, name: string): Secret | undefined;
  /** Certificates by `trustAnchorsName`, in PEM. */
  trustAnchors(name: string): string | undefined;
  claim(namespace: string, name: string): VolumeClaim | undefined;
  /** The node as PersistentVolumes select it; undefined where its labels aren't known. */
  nodeTraits(): NodeTraits | undefined;
  /** Records an event about something that is amiss but hinders nothing. */
  warn(pod: Pod, reason: string, message: string): void;
  token(pod: Pod, projection: ServiceAccountTokenProjection): Promise<{ token: string }>;
  fieldContext(pod: Pod): FieldContext;
}

/**
 * The files of a configMap, secret, downwardAPI or projected volume; undefined for other kinds.
 * @throws VolumeError `SETUP_FAILED` with the kubelet's words for what is missing; KubeRuleError for
 *   a field that can't be resolved; whatever `sources.token` throws.
 */
export async function payloadOf(
  pod: Pod,
  volume: Volume,
  sources: VolumeSources,
): Promise<Payload | undefined> {
  const request = { pod, sources, defaultMode: defaultModeOf(volume) };
  const projections = projectionsOf(volume);
  if (projections === undefined) return undefined;
  const payload: Payload = new Map();
  for (const projection of projections) {
    for (const [path, file] of await project(request, projection)) {
      payload.set(safePath(path), file);
    }
  }
  return payload;
}

interface Request {
  pod: Pod;
  sources: VolumeSources;
  defaultMode: number;
}

type Files = Iterable<[path: string, file: PayloadFile]>;

/** Every kind is a projection of its own. */
function projectionsOf(volume: Volume): VolumeProjection[] | undefined {
  const { configMap, secret, downwardAPI, projected } = volume;
  if (configMap) return [{ configMap }];
  if (secret) {
    const { secretName, ...rest } = secret;
    return [{ secret: { ...rest, ...(secretName === undefined ? {} : { name: secretName }) } }];
  }
  if (downwardAPI) return [{ downwardAPI }];
  return projected === undefined ? undefined : (projected.sources ?? []);
}

function defaultModeOf({ configMap, secret, downwardAPI, projected }: Volume): number {
  return (configMap ?? secret ?? downwardAPI ?? projected)?.defaultMode ?? 0o644;
}

async function project(request: Request, projection: VolumeProjection): Promise<Files> {
  const { configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle } = projection;
  const namespace = request.pod.metadata.namespace ?? '';
  if (configMap) {
    const object = request.sources.configMap(namespace, configMap.name ?? '');
    return keyFiles(request, 'configmap', configMap, object && configMapData(object));
  }
  if (secret) {
    const object = request.sources.secret(namespace, secret.name ?? '');
    return keyFiles(request, 'secret', secret, object && secretData(object));
  }
  if (downwardAPI) return downwardFiles(request, downwardAPI.items ?? []);
  if (clusterTrustBundle) return [trustFile(request, clusterTrustBundle)];
  return serviceAccountToken ? [await tokenFile(request, serviceAccountToken)] : [];
}

interface KeySource {
  name?: string;
  items?: KeyToPath[];
  optional?: boolean;
}

function keyFiles(
  { defaultMode }: Request,
  kind: 'configmap' | 'secret',
  { name = '', items = [], optional }: KeySource,
  data: Map<string, Buffer> | undefined,
): Files {
  if (data === undefined) {
    if (optional === true) return [];
    throw new VolumeError('SETUP_FAILED', `${kind} ${JSON.stringify(name)} not found`);
  }
  if (items.length === 0) {
    return Array.from(data, ([key, value]) => [key, { data: value, mode: defaultMode }]);
  }
  return items.flatMap(({ key, path, mode }): [string, PayloadFile][] => {
    const value = data.get(key);
    if (value !== undefined) return [[path, { data: value, mode: mode ?? defaultMode }]];
    if (optional === true) return [];
    throw new VolumeError(
      'SETUP_FAILED',
      kind === 'secret'
        ? `references non-existent secret key: ${key}`
        : `configmap references non-existent config key: ${key}`,
    );
  });
}

function configMapData({ data, binaryData }: ConfigMap): Map<string, Buffer> {
  return new Map([
    ...Object.entries(data ?? {}).map(([k, v]) => [k, Buffer.from(v)] as const),
    ...Object.entries(binaryData ?? {}).map(([k, v]) => [k, Buffer.from(v, 'base64')] as const),
  ]);
}

function secretData({ data }: Secret): Map<string, Buffer> {
  return new Map(Object.entries(data ?? {}).map(([k, v]) => [k, Buffer.from(v, 'base64')]));
}

function downwardFiles({ pod, sources, defaultMode }: Request, items: DownwardApiFile[]): Files {
  const context = sources.fieldContext(pod);
  return items.map(({ path, mode, fieldRef, resourceFieldRef }) => {
    const text = fieldRef
      ? podFieldValue(pod, fieldRef.fieldPath, context)
      : resourceFieldRef
        ? resourceFieldValue(pod, undefined, resourceFieldRef, context.allocatable)
        : '';
    return [path, { data: Buffer.from(text), mode: mode ?? defaultMode }];
  });
}

async function tokenFile(
  request: Request,
  projection: ServiceAccountTokenProjection,
): Promise<[string, PayloadFile]> {
  const { token } = await request.sources.token(request.pod, projection);
  return [projection.path, ownFile(request, token)];
}

function trustFile(
  request: Request,
  projection: ClusterTrustBundleProjection,
): [string, PayloadFile] {
  const { name, optional, path } = projection;
  const query = trustAnchorsName(projection);
  const found = query === undefined ? undefined : request.sources.trustAnchors(query);
  if (found !== undefined || (query !== undefined && optional === true)) {
    return [path, ownFile(request, found ?? '')];
  }
  throw new VolumeError(
    'SETUP_FAILED',
    query === undefined
      ? 'ClusterTrustBundle projection requires either name or signerName to be set'
      : name
        ? `while getting ClusterTrustBundle: clustertrustbundle.certificates.k8s.io ${JSON.stringify(name)} not found`
        : 'combination of signerName and labelSelector matched zero ClusterTrustBundles',
  );
}

/** A file only for the pod's own user or group, where the pod says which that is. */
function ownFile({ pod, defaultMode }: Request, text: string): PayloadFile {
  const uid = onlyUser(pod);
  const narrow = uid !== undefined || pod.spec.securityContext?.fsGroup !== undefined;
  const file = { data: Buffer.from(text), mode: narrow ? 0o600 : defaultMode };
  return uid === undefined ? file : { ...file, uid };
}

/** The user that all containers run as, if the spec says so. Source: kubelet, FsUserFrom. */
function onlyUser(pod: Pod): number | undefined {
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const users = containers.map(
    ({ securityContext }) => securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser,
  );
  return users.every((user) => user === users[0]) ? users[0] : undefined;
}

/** Source: kubelet, validatePath in atomic_writer.go. */
function safePath(path: string): string {
  const problem =
    path === ''
      ? 'must not be empty'
      : isAbsolute(path)
        ? 'must be relative'
        : path.length > maxVolumePathLength
          ? `must be at most ${maxVolumePathLength} characters`
          : path.split('/').includes('..')
            ? "must not contain '..'"
            : path.startsWith('..')
              ? "must not start with '..'"
              : undefined;
  if (problem === undefined) return path.split('/').filter(isSegment).join('/');
  throw new VolumeError('SETUP_FAILED', `invalid path ${JSON.stringify(path)}: ${problem}`);
}

function isSegment(segment: string): boolean {
  return segment !== '' && segment !== '.';
}
