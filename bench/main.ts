import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * `npm run bench -- NAME [--json] [--pods N] [--minutes N] [--volumes]`: one benchmark, its figures as a table or
 * as one line of JSON. How many pods, how long, and what they have are for those that say so.
 */
interface Benchmark {
  run(options: {
    pods?: number;
    minutes?: number;
    volumes?: boolean;
  }): Promise<Record<string, number>>;
}

const benchmarks: Record<string, () => Promise<Benchmark>> = {
  exec: () => import('./exec.ts'),
  footprint: () => import('./footprint.ts'),
  soak: () => import('./soak.ts'),
  'pod-start': () => import('./pod-start.ts'),
  tunnel: async () => {
    const { run } = await import('./tunnel.ts');
    return { run: () => run() };
  },
};

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      pods: { type: 'string' },
      minutes: { type: 'string' },
      volumes: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  const [name = ''] = positionals;
  const load = benchmarks[name];
  if (load === undefined) {
    console.error(
      `bench: there is no benchmark "${name}"; there are ${Object.keys(benchmarks).join(', ')}`,
    );
    return 1;
  }
  // Idle memory is measured after a collection.
  setFlagsFromString('--expose-gc');
  globalThis.gc = runInNewContext('gc') as NodeJS.GCFunction;
  const figures = await (
    await load()
  ).run({
    volumes: values.volumes,
    ...(values.pods === undefined ? {} : { pods: Number(values.pods) }),
    ...(values.minutes === undefined ? {} : { minutes: Number(values.minutes) }),
  });
  if (values.json) console.log(JSON.stringify(figures));
  else console.table(figures);
  return 0;
}

process.exitCode = await main();
process.exit();
