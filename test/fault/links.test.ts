import { onEveryControlPlane } from '../e2e/cluster.ts';
import { Random } from '../fuzz/random.ts';
import { faultSeed } from './kills/kill-rounds.ts';
import { linkFaults } from './links/link-faults.ts';

const timeoutMs = 1_800_000;

await onEveryControlPlane(
  async (t, cluster) => {
    const seed = faultSeed();
    await t.test(`an uplink in every kind of trouble, FAULT_SEED=${seed}`, async (t) => {
      t.setTimeout(timeoutMs);
      await linkFaults(t, cluster, {
        random: new Random(seed),
        flappingMs: Number(process.env['FAULT_FLAPPING_MS'] ?? 600_000),
        lostDirectionMs: [3_000, 13_000, 20_000, 40_000],
        trickleMs: 60_000,
      });
    });
  },
  { timeoutMs },
);
