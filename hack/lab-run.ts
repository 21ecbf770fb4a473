import { parseArgs } from 'node:util';
import { findControlPlanes } from './lab/control-planes.ts';
import { messageOf } from './lab/lab-error.ts';
import { createLab, type Lab } from './lab/lab.ts';
import { ensurePackages } from './lab/packages.ts';
import { sweepLabs } from './lab/remove-lab.ts';

/**
 * A lab by hand: `node hack/lab-run.ts [--name NAME] [--device NAME]… [--without-control-plane]`
 * starts one, prints what is where, and removes it on Ctrl-C. The last line it prints is `ready`.
 */
async function main(signal: AbortSignal): Promise<void> {
  const { values } = parseArgs({
    options: {
      name: { type: 'string', default: 'manual' },
      device: { type: 'string', multiple: true, default: ['berlin'] },
      'without-control-plane': { type: 'boolean', default: false },
    },
  });
  await ensurePackages(say, undefined, signal);
  await sweepLabs({ progress: say, signal });
  const lab = await createLab({ name: values.name, progress: say, signal });
  try {
    if (!values['without-control-plane']) {
      await startControlPlane(lab, signal);
    }
    for (const name of values.device) {
      const device = await lab.startDevice({ name });
      say(`device ${name}: containerd at ${device.socket}, namespace ${device.namespace}`);
    }
    say(`ready`);
    await aborted(signal);
  } finally {
    await lab.stop();
  }
}

async function startControlPlane(lab: Lab, signal: AbortSignal): Promise<void> {
  const { found } = await findControlPlanes(say, { signal });
  for (const binaries of found.slice(-1)) {
    const plane = await lab.startControlPlane({ binaries });
    say(`control plane ${plane.name}: export KUBECONFIG=${plane.adminKubeconfig}`);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    // A signal's listener alone doesn't keep the process alive.
    const alive = setInterval(() => undefined, 60_000);
    const end = (): void => {
      clearInterval(alive);
      resolve();
    };
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) {
      end();
    }
  });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    stop.abort();
  });
}
try {
  await main(stop.signal);
} catch (error) {
  if (!stop.signal.aborted) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}
