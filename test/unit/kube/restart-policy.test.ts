import t from 'tap';
import type { Container, ContainerRestartRule } from '../../../src/kube/api.ts';
import { couldRestartAll, restartsAfter, restartsAll } from '../../../src/kube/restart-policy.ts';

function restarts(
  exitCode: number,
  container: Omit<Container, 'name'>,
  restartPolicy: 'Always' | 'OnFailure' | 'Never' = 'Never',
): boolean {
  const named = { name: 'web', ...container };
  return restartsAfter({ containers: [named], restartPolicy }, named, exitCode);
}

function rule(operator: string, ...values: number[]): ContainerRestartRule[] {
  return [{ action: 'Restart', exitCodes: { operator, values } }];
}

void t.test('rules come first, then the container’s policy, then the pod’s', (t) => {
  t.equal(restarts(42, { restartPolicyRules: rule('In', 41, 42) }), true);
  t.equal(restarts(1, { restartPolicyRules: rule('In', 41, 42) }), false);
  t.equal(restarts(1, { restartPolicyRules: rule('NotIn', 0) }), true);
  t.equal(restarts(0, { restartPolicyRules: rule('NotIn', 0) }), false);
  t.equal(restarts(1, { restartPolicy: 'OnFailure' }), true);
  t.equal(restarts(0, { restartPolicy: 'OnFailure' }), false);
  t.equal(restarts(1, { restartPolicy: 'Never' }, 'Always'), false);
  t.equal(restarts(0, {}, 'Always'), true);
  t.end();
});

void t.test('the first rule that fits says whether all containers begin anew', (t) => {
  const exitCodes = { operator: 'In', values: [42] };
  const all = { action: 'RestartAllContainers', exitCodes };
  const one = { action: 'Restart', exitCodes };
  const container = (...restartPolicyRules: ContainerRestartRule[]): Container => ({
    ...{ name: 'web', restartPolicyRules },
  });
  t.equal(restartsAll(container(all), 42), true);
  t.equal(restartsAll(container(all), 41), false);
  t.equal(restartsAll(container(one, all), 42), false);
  t.equal(restarts(42, { restartPolicyRules: [all] }), true);
  t.equal(couldRestartAll({ containers: [container(one)] }), false);
  t.equal(couldRestartAll({ initContainers: [container(one, all)], containers: [] }), true);
  t.end();
});
