import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parseAllDocuments } from 'yaml';
import { root } from '../docs/markdown.ts';

interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
  resourceNames?: string[];
}

interface Role {
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  rules: Rule[];
}

const roles = globSync('manifests/*.yaml', { cwd: root })
  .flatMap((file) => parseAllDocuments(readFileSync(join(root, file), 'utf8')))
  .map((document) => document.toJS() as Role)
  .filter(({ kind }) => kind === 'Role' || kind === 'ClusterRole');
const ofProvider = roles.filter(({ metadata }) =>
  /^towline-provider(-kubelet-serving|-trust-bundles|-mirror-pods)?$/.test(metadata.name),
);

void t.test('the provider reads Secrets by name, and writes its own alone', (t) => {
  const rules = ofProvider.flatMap(({ kind, metadata, rules }) =>
    rules
      .filter(({ resources }) => resources.includes('secrets'))
      .map(({ verbs, resourceNames }) => ({
        kind,
        namespace: metadata.namespace,
        verbs,
        resourceNames,
      })),
  );
  t.ok(rules.length > 0);
  for (const { kind, namespace, verbs, resourceNames } of rules) {
    if (kind === 'ClusterRole') t.same(verbs, ['get'], 'no listing, no watching');
    else
      t.ok(
        namespace === 'towline-system' &&
          (resourceNames !== undefined || verbs.join() === 'create'),
      );
  }
  t.end();
});

void t.test('nothing is granted by a star, and no right to get more rights', (t) => {
  for (const { metadata, rules } of roles) {
    for (const rule of rules) {
      const words = [...rule.apiGroups, ...rule.resources, ...rule.verbs];
      t.notOk(words.includes('*'), metadata.name);
      t.notOk(
        words.some((word) => ['escalate', 'bind', 'impersonate', 'approve', 'sign'].includes(word)),
      );
      t.notOk(rule.apiGroups.includes('rbac.authorization.k8s.io'), metadata.name);
    }
  }
  t.end();
});

void t.test(
  'making pods is a role of its own, and nobody may change a Site or run commands',
  (t) => {
    const makers = ofProvider.filter(({ rules }) =>
      rules.some(({ resources, verbs }) => resources.includes('pods') && verbs.includes('create')),
    );
    t.match(makers, [
      {
        metadata: { name: 'towline-provider-mirror-pods' },
        rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['create'] }],
      },
    ]);
    t.equal(makers.length, 1);
    t.equal(makers[0]?.rules.length, 1, 'so that it can be bound in some namespaces only');
    t.same(
      globSync('manifests/*.yaml', { cwd: root }).filter((file) =>
        readFileSync(join(root, file), 'utf8').includes('towline-provider-mirror-pods'),
      ),
      ['manifests/mirror-pods.yaml'],
      'which is given and bound by a file of its own alone',
    );
    const verbsOn = (resource: string): string[] =>
      ofProvider.flatMap(({ rules }) =>
        rules.filter(({ resources }) => resources.includes(resource)).flatMap(({ verbs }) => verbs),
      );
    t.notOk(
      verbsOn('sites').some((verb) => ['create', 'delete', 'deletecollection'].includes(verb)),
    );
    t.same(verbsOn('pods/exec'), []);
    t.end();
  },
);

void t.test('rights on Sites are rights on nodes: no default role gets those to write', (t) => {
  for (const { metadata, rules } of roles) {
    const aggregates = Object.keys(metadata.labels ?? {}).filter((label) =>
      label.includes('aggregate-to'),
    );
    if (aggregates.length === 0) continue;
    t.same(aggregates, ['rbac.authorization.k8s.io/aggregate-to-view']);
    for (const { verbs } of rules) t.same(verbs, ['get', 'list', 'watch'], metadata.name);
  }
  t.end();
});
