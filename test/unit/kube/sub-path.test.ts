import t from 'tap';
import { withSubPath } from '../../../src/kube/sub-path.ts';

const mount = { name: 'v', mountPath: '/v' };
const env = [
  { name: 'POD', value: 'web-1' },
  { name: 'EMPTY', value: '' },
];

void t.test('an expression becomes the path that it stands for', (t) => {
  const expanded = withSubPath({ ...mount, subPathExpr: 'logs/$(POD)/$$(POD)' }, env);
  t.same(expanded, { ...mount, subPath: 'logs/web-1/$(POD)' });
  t.same(withSubPath({ ...mount, subPath: '$(POD)' }, env), { ...mount, subPath: '$(POD)' });
  t.same(withSubPath(mount, env), mount);
  t.end();
});

void t.test('variables without a value are named', (t) => {
  const expand = (): unknown => withSubPath({ ...mount, subPathExpr: '$(NONE)/$(EMPTY)' }, env);
  t.throws(expand, { code: 'CONFIG_ERROR', message: 'missing value for EMPTY, NONE' });
  t.end();
});
