import { readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { root } from '../../unit/docs/markdown.ts';

const providerName = 'towline-provider';
const providerUser = `system:serviceaccount:towline-system:${providerName}`;

/** One thing that the provider may do, or has done. */
export interface Permission {
  verb: string;
  group: string;
  /** With its subresource, as in `pods/status`. */
  resource: string;
  /** Absent where a permission holds in every namespace. */
  namespace?: string;
  /** Absent where a permission holds for every name. */
  name?: string;
}

/** Roles of some names in files of manifests/. */
export interface RoleSource {
  manifests: readonly string[];
  roles: readonly string[];
}

/** What the provider asks an API server for, taken from that server's audit log. */
export class RoleUse {
  /** For `kube-apiserver`. */
  readonly flags: readonly string[];
  readonly #logFile: string;
  readonly #source: RoleSource;

  /** @param dir an empty folder of its own. @param source the provider's own role when absent. */
  constructor(
    dir: string,
    source: RoleSource = {
      manifests: ['rbac.yaml', 'mirror-pods.yaml'],
      roles: [providerName, `${providerName}-mirror-pods`],
    },
  ) {
    this.#source = source;
    const policyFile = join(dir, 'audit-policy.yaml');
    this.#logFile = join(dir, 'audit.log');
    writeFileSync(policyFile, JSON.stringify(policy));
    this.flags = [`--audit-policy-file=${policyFile}`, `--audit-log-path=${this.#logFile}`];
  }

  /** Permissions of the manifest that nothing so far has needed. */
  async unused(): Promise<string[]> {
    const used = (await this.#requests()).filter(({ isAllowed }) => isAllowed);
    return granted(this.#source)
      .filter((permission) => !used.some((request) => needs(request, permission)))
      .map(describe);
  }

  /** What was asked for and isn't granted. */
  async forbidden(): Promise<string[]> {
    return (await this.#requests()).filter(({ isAllowed }) => !isAllowed).map(describe);
  }

  async #requests(): Promise<(Permission & { isAllowed: boolean })[]> {
    const lines = (await readFile(this.#logFile, 'utf8')).split('\n').slice(0, -1);
    return lines.map((line) => {
      const { verb, objectRef = {}, annotations } = JSON.parse(line) as AuditEvent;
      const { apiGroup: group = '', resource = '', subresource, namespace, name } = objectRef;
      return {
        ...{ verb, group, isAllowed: annotations?.[decision] === 'allow' },
        resource: subresource === undefined ? resource : `${resource}/${subresource}`,
        ...(namespace === undefined ? {} : { namespace }),
        ...(name === undefined ? {} : { name }),
      };
    });
  }
}

const policy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata', users: [providerUser] }, { level: 'None' }],
};

interface AuditEvent {
  verb: string;
  objectRef?: Partial<
    Record<'apiGroup' | 'resource' | 'subresource' | 'namespace' | 'name', string>
  >;
  annotations?: Record<string, string>;
}

/** What authorisation said; admission may refuse for reasons of its own. */
const decision = 'authorization.k8s.io/decision';

interface Role {
  kind: string;
  metadata: { name: string; namespace?: string };
  rules: {
    apiGroups: string[];
    resources: string[];
    verbs: string[];
    resourceNames?: string[];
  }[];
}

/** All that the manifest gives by its roles of that name. */
function granted({ manifests, roles: names }: RoleSource): Permission[] {
  const roles = manifests
    .map((manifest) => readFileSync(join(root, 'manifests', manifest), 'utf8'))
    .flatMap((text) => parseAllDocuments(text))
    .map((document) => document.toJS() as Role)
    .filter(({ kind, metadata }) => /^(Cluster)?Role$/.test(kind) && names.includes(metadata.name));
  return roles.flatMap(({ metadata, rules }) =>
    rules.flatMap((rule) =>
      rule.apiGroups.flatMap((group) =>
        rule.resources.flatMap((resource) =>
          rule.verbs.flatMap((verb) =>
            (rule.resourceNames ?? [undefined]).map((name) => ({
              ...{ verb, group, resource },
              ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
              ...(name === undefined ? {} : { name }),
            })),
          ),
        ),
      ),
    ),
  );
}

/** Whether a request would be refused if there were no such permission and none that is wider. */
function needs(request: Permission, permission: Permission): boolean {
  return (['verb', 'group', 'resource', 'namespace', 'name'] as const).every(
    (field) => permission[field] === undefined || permission[field] === request[field],
  );
}

function describe({ verb, group, resource, namespace, name }: Permission): string {
  const what = group === '' ? resource : `${resource}.${group}`;
  return [verb, what, namespace === undefined ? '' : `in ${namespace}`, name ?? '']
    .filter((word) => word !== '')
    .join(' ');
}
