import t from 'tap';
import type { Container } from '../../../src/kube/api.ts';
import { resizable, resizeOf, withResourcesOf } from '../../../src/kube/resize.ts';
import { container, pod } from './pods.ts';

const small = {
  requests: { cpu: '100m', memory: '16Mi' },
  limits: { cpu: '200m', memory: '32Mi' },
};

function resized(limits: Record<string, string>, more: Partial<Container> = {}): Container {
  return container({ resources: { ...small, limits: { ...small.limits, ...limits } }, ...more });
}

void t.test('what changed decides how it is changed', (t) => {
  const resizePolicy = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }];
  t.equal(resizeOf(resized({}), small), 'none');
  t.equal(resizeOf(resized({ cpu: '0.2' }), small), 'none', 'the same, written otherwise');
  t.equal(resizeOf(resized({ cpu: '1' }), small), 'in-place');
  t.equal(resizeOf(resized({ cpu: '1' }, { resizePolicy }), small), 'in-place');
  t.equal(resizeOf(resized({ memory: '1Gi' }, { resizePolicy }), small), 'restart');
  t.equal(resizeOf(resized({ memory: '1Gi' }), small), 'in-place');
  t.end();
});

void t.test('only CPU and memory change while a container runs', (t) => {
  t.same(resizable(resized({ 'hugepages-2Mi': '2Mi' })), small);
  t.same(resizable(container({})), {});
  const wanted = pod({ containers: [resized({ cpu: '1' }), container({ name: 'new' })] });
  const current = pod({ containers: [resized({})] });
  t.same(
    withResourcesOf(wanted, current).spec.containers.map(({ resources }) => resources),
    [small, undefined],
  );
  t.end();
});
