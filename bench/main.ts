import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** `npm run bench -- NAME [--json]`: one benchmark, its figures as a table or as one line of JSON. */
interface Benchmark {
  run(): Promise<Record<string, number>>;
}

const benchmarks: Record<string, () => Promise<Benchmark>> = {
  exec: () => import('./exec.ts'),
  'pod-start': () => import('./pod-start.ts'),
  tunnel: () => import('./tunnel.ts'),
};

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { json: { type: 'boolean', default: false } },
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
  const figures = await (await load()).run();
  if (values.json) console.log(JSON.stringify(figures));
  else console.table(figures);
  return 0;
}

process.exitCode = await main();
process.exit();
