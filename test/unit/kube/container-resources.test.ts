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
  const sizes = [2 * 1024 ** 2, 1024 ** 3];
  t.same(hugePageLimits(container({}), {}, sizes), [
    { pageSize: '2MB', limitBytes: 0 },
    { pageSize: '1GB', limitBytes: 0 },
  ]);
  const whole = { resources: { limits: { 'hugepages-2Mi': '8Mi', 'hugepages-1Gi': '2Gi' } } };
  const own = container({ resources: { limits: { 'hugepages-2Mi': '2Mi' } } });
  t.same(hugePageLimits(own, whole, sizes), [
    { pageSize: '2MB', limitBytes: 2 * 1024 ** 2 },
    { pageSize: '1GB', limitBytes: 2 * 1024 ** 3 },
  ]);
  t.end();
});
