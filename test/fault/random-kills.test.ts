import { onEveryControlPlane } from '../e2e/cluster.ts';
import { faultSeed, killRounds } from './kills/kill-rounds.ts';

const rounds = Number(process.env['FAULT_ROUNDS'] ?? 200);

const timeoutMs = 3_500_000;

await onEveryControlPlane(
  async (t, cluster) => {
    await t.test('kill -9 of any part at any moment loses and restarts nothing', async (t) => {
      t.setTimeout(timeoutMs);
      await killRounds(t, cluster, { seed: faultSeed(), rounds });
    });
  },
  { timeoutMs },
);
