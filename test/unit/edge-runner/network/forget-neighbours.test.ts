import t from 'tap';
import { forgetNeighbours } from '../../../../src/edge-runner/network/forget-neighbours.ts';

void t.test('every address is forgotten, whatever becomes of the others', async (t) => {
  const commands: string[] = [];
  const told: unknown[] = [];
  await forgetNeighbours(['10.85.0.7', 'fd00::7'], {
    run: (program, args) => {
      commands.push([program, ...args].join(' '));
      return commands.length === 1 ? Promise.reject(new Error('broken')) : Promise.resolve('');
    },
    log: { debug: (fields: unknown) => told.push(fields) },
  });
  t.same(commands, ['ip neigh flush to 10.85.0.7', 'ip neigh flush to fd00::7']);
  t.match(told, [{ address: '10.85.0.7', err: { message: 'broken' } }]);
});
