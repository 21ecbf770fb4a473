import { join } from 'node:path';
import { createLab, type Lab } from '../lab/lab.ts';
import { isAbandoned, readOwner } from '../lab/ownership.ts';
import { ensurePackages } from '../lab/packages.ts';
import { labBaseDir, removeLab, sweepLabs } from '../lab/remove-lab.ts';
import { startTowline } from '../lab/towline.ts';
import { removeFromCluster, startCluster, type DemoCluster } from './cluster.ts';
import { DemoError } from './demo-error.ts';
import { chapter, type Stage } from './story.ts';
import { tellStory } from './tell-story.ts';

export interface DemoOptions {
  readonly once: boolean;
  readonly kind: boolean;
  readonly kubeconfig: string | undefined;
  readonly nodeAddress: string | undefined;
  readonly signal: AbortSignal;
}

const labName = 'demo';
const progress = (line: string): void => {
  console.error(`· ${line}`);
};

/** How long a site may be away in the demo before its node says so; 40 s otherwise. */
const disconnectGrace = '10s';

/** Starts everything, tells the story, and leaves it up or tears it down. @throws DemoError, LabError */
export async function runDemo(options: DemoOptions): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new DemoError('the demo makes network namespaces and starts containerd: run it as root');
  }
  await sweepLabs({ progress });
  await removeKept();
  await ensurePackages(progress, undefined, options.signal);
  const lab = await createLab({ name: labName, progress, signal: options.signal });
  let cluster: DemoCluster | undefined;
  try {
    cluster = await startCluster({ ...options, lab, progress });
    await perform(lab, cluster, options);
  } catch (error) {
    await cleanUp(lab, cluster);
    if (options.signal.aborted) throw new DemoError('interrupted; everything was removed');
    throw error;
  }
  if (options.once) {
    chapter('The end: everything is removed again');
    await cleanUp(lab, cluster);
    return;
  }
  await lab.keep();
  sayHowToGoOn(cluster);
}

/** Tears down what an earlier run left up. */
export async function stopDemo(): Promise<void> {
  await sweepLabs({ progress });
  if (!(await removeKept())) console.log('no demo is up');
}

async function perform(lab: Lab, cluster: DemoCluster, options: DemoOptions): Promise<void> {
  chapter('The provider, in the cloud: it runs with exactly the rights of manifests/rbac.yaml');
  const towline = await startTowline({ lab, plane: cluster, disconnectGrace, ...cluster.addresses });
  chapter('Two sites behind NAT: a device each, which can only dial out');
  const sites = [];
  for (const name of ['berlin', 'lisbon']) {
    const site = await towline.addSite({ name, tenant: 'acme' });
    console.log(`$ towlinectl site create ${name} -n acme`);
    console.log(site.joinLine.replace(/--token \S+/, '--token …'));
    sites.push(site);
  }
  const stage: Stage = { kubeconfig: towline.kubeconfig, sites, signal: options.signal };
  await tellStory(stage);
}

async function cleanUp(lab: Lab, cluster: DemoCluster | undefined): Promise<void> {
  if (cluster !== undefined) await cluster.end();
  await lab.stop();
}

/** Removes the demo that an earlier run left up. @throws DemoError while another run is going on. */
async function removeKept(): Promise<boolean> {
  const dir = join(labBaseDir(), labName);
  const owner = await readOwner(dir);
  if (owner === undefined) return false;
  if (!owner.kept && !isAbandoned(owner)) {
    throw new DemoError(`another demo is under way (process ${owner.process.pid}); end it first`);
  }
  progress('removing the demo that an earlier run left up');
  await removeFromCluster(dir);
  await removeLab(dir);
  return true;
}

function sayHowToGoOn(cluster: DemoCluster): void {
  chapter('All of this stays up; try it');
  console.log(`  export KUBECONFIG=${cluster.adminKubeconfig}
  kubectl get sites -A
  kubectl get pods -n acme -o wide
  kubectl exec -it -n acme deploy/hello -- sh

Stop it with

  npm run demo -- --stop
`);
}

