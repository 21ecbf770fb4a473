import { parseArgs } from 'node:util';
import { DemoError } from './demo/demo-error.ts';
import { runDemo, setUplink, stopDemo } from './demo/run-demo.ts';
import { LabError } from './lab/lab-error.ts';

const help = `Usage: npm run demo -- [options]

Starts a cluster and two edge sites behind NAT on this machine, tells Towline's story with kubectl,
and leaves everything up to play with. Needs root; installs Debian packages that are missing.

  --once               tear everything down at the end
  --stop               tear down what an earlier run left up
  --cut SITE           cut the uplink of a site that an earlier run left up
  --mend SITE          bring it back
  --kubeconfig FILE    use this cluster instead of starting one; what the demo made in it goes at the end
  --kind               use a cluster of kind (needs Docker and kind on this machine)
  --node-address IP    with --kubeconfig: where the cluster's API server reaches this machine
  -h, --help           show this text
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      once: { type: 'boolean', default: false },
      stop: { type: 'boolean', default: false },
      cut: { type: 'string' },
      mend: { type: 'string' },
      kubeconfig: { type: 'string' },
      kind: { type: 'boolean', default: false },
      'node-address': { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (!stop.signal.aborted) console.error(`\n${name}: cleaning up …`);
      stop.abort();
    });
  }
  if (values.stop) await stopDemo();
  else if (values.cut !== undefined) await setUplink(values.cut, 'down');
  else if (values.mend !== undefined) await setUplink(values.mend, 'up');
  else {
    await runDemo({
      once: values.once,
      kind: values.kind,
      kubeconfig: values.kubeconfig,
      nodeAddress: values['node-address'],
      signal: stop.signal,
    });
  }
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  const known = error instanceof DemoError || error instanceof LabError;
  const usage = error instanceof TypeError && 'code' in error;
  console.error(
    `demo: ${known || usage ? error.message : String(error instanceof Error ? error.stack : error)}`,
  );
  process.exitCode = 1;
}
// Handles of what stays up must not keep this process.
process.exit();
