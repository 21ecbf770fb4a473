import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parseAllDocuments } from 'yaml';
import { root } from '../docs/markdown.ts';

interface Deployment {
  spec: { template: { spec: { containers: { args: string[] }[] } } };
}

interface Service {
  spec: { ports: { targetPort: string }[] };
}

const text = readFileSync(join(root, 'manifests/provider.yaml'), 'utf8');
const objects = parseAllDocuments(text).map((document) => document.toJS() as { kind: string });
const ofKind = (kind: string): object => objects.find((object) => object.kind === kind) ?? {};

void t.test('the provider sees the addresses of its clients', (t) => {
  t.match(ofKind('Service'), { spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local' } });
  t.end();
});

void t.test(
  'probes do not use the port that strangers can flood, and its Service has no other',
  (t) => {
    const { containers } = (ofKind('Deployment') as Deployment).spec.template.spec;
    const [provider] = containers;
    t.ok(provider?.args.includes('--metrics-listen=0.0.0.0:9090'));
    t.match(provider, {
      ports: [{ name: 'tunnel' }, { name: 'metrics', containerPort: 9090 }],
      startupProbe: { httpGet: { port: 'metrics', path: '/healthz' } },
      livenessProbe: { httpGet: { port: 'metrics', path: '/healthz' } },
      readinessProbe: { httpGet: { port: 'metrics', path: '/readyz' } },
    });
    t.notMatch(JSON.stringify(provider), 'HTTPS');
    const { ports } = (ofKind('Service') as Service).spec;
    t.same(
      ports.map(({ targetPort }) => targetPort),
      ['tunnel'],
    );
    t.end();
  },
);
