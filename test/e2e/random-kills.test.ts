import { faultSeed, killRounds } from '../fault/kills/kill-rounds.ts';
import { onEveryControlPlane } from './cluster.ts';

/** `npm run test:fault` plays many more. */
const rounds = 8;

await onEveryControlPlane(async (t, cluster) => {
  await t.test('kill -9 of any part at any moment loses and restarts nothing', async (t) => {
    t.setTimeout(700_000);
    await killRounds(t, cluster, { seed: faultSeed(), rounds });
  });
});
