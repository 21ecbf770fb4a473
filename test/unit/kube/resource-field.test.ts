import t from 'tap';
import { resourceFieldValue } from '../../../src/kube/resource-field.ts';
import { container, pod } from './pods.ts';

const allocatable = { cpu: '3500m', memory: '8Gi', 'ephemeral-storage': '100Gi' };
const limited = container({
  resources: {
    requests: { cpu: '250m', memory: '64Mi' },
    limits: { cpu: '1500m', memory: '128Mi', 'hugepages-2Mi': '4Mi' },
  },
});
const subject = pod({ containers: [limited, container({ name: 'free' })] });

void t.test('requests and limits, divided and rounded up', (t) => {
  for (const [resource, divisor, value] of [
    ['limits.cpu', undefined, '2'],
    ['limits.cpu', '0', '2'],
    ['limits.cpu', '1m', '1500'],
    ['requests.cpu', '1', '1'],
    ['requests.cpu', '100m', '3'],
    ['limits.memory', undefined, '134217728'],
    ['limits.memory', '1Mi', '128'],
    ['limits.memory', '1M', '135'],
    ['limits.memory', '1G', '1'],
    ['requests.memory', '1Ki', '65536'],
    ['requests.ephemeral-storage', '1', '0'],
    ['limits.hugepages-2Mi', '1Mi', '4'],
  ] as const) {
    const selector = divisor === undefined ? { resource } : { resource, divisor };
    t.equal(resourceFieldValue(subject, limited, selector, allocatable), value, resource);
  }
  t.end();
});

void t.test('without a limit it is the node’s allocatable, and a request is 0', (t) => {
  for (const [resource, value] of [
    ['limits.cpu', '4'],
    ['limits.memory', String(8 * 1024 ** 3)],
    ['limits.ephemeral-storage', String(100 * 1024 ** 3)],
    ['requests.cpu', '0'],
    ['requests.memory', '0'],
    ['limits.hugepages-2Mi', '0'],
  ] as const) {
    const selector = { containerName: 'free', resource };
    t.equal(resourceFieldValue(subject, undefined, selector, allocatable), value, resource);
  }
  t.end();
});

void t.test('a limit of the whole pod comes before the node’s', (t) => {
  const bounded = pod({ resources: { limits: { memory: '1Gi' } } });
  t.equal(
    resourceFieldValue(bounded, container(), { resource: 'limits.memory', divisor: '1Mi' }, {}),
    '1024',
  );
  t.end();
});

void t.test('unknown resources and containers are refused', (t) => {
  const none = { containerName: 'none', resource: 'limits.cpu' };
  t.throws(() => resourceFieldValue(subject, limited, none, {}), { code: 'UNSUPPORTED_RESOURCE' });
  for (const resource of ['limits.gpu', 'cpu', 'limits', 'requests.']) {
    const selector = { resource };
    const read = (): string => resourceFieldValue(subject, limited, selector, {});
    t.throws(read, { code: 'UNSUPPORTED_RESOURCE' }, resource);
  }
  t.end();
});
