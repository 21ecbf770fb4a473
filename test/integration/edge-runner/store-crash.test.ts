import t from 'tap';
import { crashRounds } from '../../fault/store-crash/crash-rounds.ts';

t.setTimeout(120_000);

void t.test('a store whose writer is killed has the old state or the new one', (t) => {
  crashRounds(t, { rounds: 40, seed: 2 });
  t.end();
});
