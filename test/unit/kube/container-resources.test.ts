import t from 'tap';
import { hugePageLimits } from '../../../src/kube/container-resources.ts';
import { container } from './pods.ts';

void t.test('huge pages are limited by their size', (t) => {
  const limits = {
    cpu: '1',
    'hugepages-2Mi': '4Mi',
    'hugepages-1Gi': '1Gi',
    'hugepages-64Ki': '1Mi',
  };
  t.same(hugePageLimits(container({ resources: { limits } })), [
    { pageSize: '2MB', limitBytes: 4 * 1024 ** 2 },
    { pageSize: '1GB', limitBytes: 1024 ** 3 },
    { pageSize: '64KB', limitBytes: 1024 ** 2 },
  ]);
  t.same(hugePageLimits(container({})), []);
  t.end();
});
