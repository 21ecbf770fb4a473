import t from 'tap';
import { crashRounds } from './store-crash/crash-rounds.ts';

t.setTimeout(900_000);

void t.test('a store whose writer is killed 1,000 times has the old state or the new one', (t) => {
  crashRounds(t, { rounds: 1_000, seed: Number(process.env['FAULT_SEED'] ?? 1) });
  t.end();
});
