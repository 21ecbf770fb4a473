import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parseAllDocuments } from 'yaml';
import { root } from '../docs/markdown.ts';

const text = readFileSync(join(root, 'manifests/provider.yaml'), 'utf8');
const objects = parseAllDocuments(text).map((document) => document.toJS() as { kind: string });
const ofKind = (kind: string): object => objects.find((object) => object.kind === kind) ?? {};

void t.test('the provider sees the addresses of its clients', (t) => {
  t.match(ofKind('Service'), { spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local' } });
  t.end();
});
