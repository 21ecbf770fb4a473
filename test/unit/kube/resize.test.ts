import t from 'tap';
import type { Container, ResourceRequirements } from '../../../src/kube/api.ts';
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
  t.equal(resizeOf(resized({}), {}, { container: small }), 'none');
  t.equal(
    resizeOf(resized({ cpu: '0.2' }), {}, { container: small }),
    'none',
    'the same, written otherwise',
  );
  t.equal(resizeOf(resized({ cpu: '1' }), {}, { container: small }), 'in-place');
  t.equal(resizeOf(resized({ cpu: '1' }, { resizePolicy }), {}, { container: small }), 'in-place');
  t.equal(
    resizeOf(resized({ memory: '1Gi' }, { resizePolicy }), {}, { container: small }),
    'restart',
  );
  t.equal(resizeOf(resized({ memory: '1Gi' }), {}, { container: small }), 'in-place');
  t.end();
});

void t.test('a pod as a whole changes with its containers', (t) => {
  const whole = (cpu: string, memory: string): ResourceRequirements => ({
    limits: { cpu, memory },
  });
  const before = whole('1', '64Mi');
  const free = container({});
  const has = { container: {}, pod: before };
  t.equal(resizeOf(free, { resources: before }, has), 'none');
  t.equal(resizeOf(free, { resources: whole('2', '64Mi') }, has), 'in-place');
  const resizePolicy = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }];
  const strict = container({ resizePolicy });
  t.equal(resizeOf(strict, { resources: whole('2', '64Mi') }, has), 'in-place');
  t.equal(resizeOf(strict, { resources: whole('1', '80Mi') }, has), 'restart', 'it is its limit');
  const limited = { container: small, pod: before };
  t.equal(
    resizeOf(resized({}, { resizePolicy }), { resources: whole('1', '80Mi') }, limited),
    'in-place',
    'one with limits of its own stays, but its pod changes',
  );
  t.equal(
    resizeOf(free, { resources: whole('2', '64Mi') }, { container: {} }),
    'none',
    'what an older runner noted says nothing of pods',
  );
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
  const whole = { limits: { cpu: '1' } };
  const held = withResourcesOf({ ...wanted, spec: { ...wanted.spec, resources: whole } }, current);
  t.equal(held.spec.resources, undefined);
  t.end();
});
