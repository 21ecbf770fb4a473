import { join } from 'node:path';
import { linkDown, linkUp } from '../lab/device-network.ts';
import { createLab, type Lab } from '../lab/lab.ts';
import { isAbandoned, readOwned, readOwner } from '../lab/ownership.ts';
import { ensurePackages } from '../lab/packages.ts';
import { withProgress } from '../lab/progress.ts';
import { labBaseDir, removeLab, sweepLabs } from '../lab/remove-lab.ts';
import { startTowline } from '../lab/towline.ts';
import { removeFromCluster, startCluster, type DemoCluster } from './cluster.ts';
import { DemoError } from './demo-error.ts';
import { chapter, say, type Stage } from './story.ts';
import { tellStory } from './tell-story.ts';

export interface DemoOptions {
  readonly once: boolean;
  readonly kind: boolean;
  readonly kubeconfig: string | undefined;
  readonly nodeAddress: string | undefined;
  readonly signal: AbortSignal;
}

const labName = 'demo';
const tenant = 'acme';

/** How long a site may be away in the demo before its node says so; 40 s otherwise. */
const disconnectGrace = '10s';

/** Starts everything, tells the story, and leaves it up or tears it down. @throws DemoError, LabError */
export async function runDemo(options: DemoOptions): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new DemoError('the demo makes network namespaces and starts containerd: run it as root');
  }
  await sweepLabs({ progress: say });
  await removeKept();
  await ensurePackages(say, undefined, options.signal);
  const lab = await createLab({ name: labName, progress: say, signal: options.signal });
  let cluster: DemoCluster | undefined;
  try {
    cluster = await startCluster({ ...options, lab, progress: say });
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
  await sweepLabs({ progress: say });
  if (!(await removeKept())) console.log('no demo is up');
}

/** Cuts the uplink of a site that is up, or brings it back. @throws DemoError when there is none. */
export async function setUplink(site: string, to: 'down' | 'up'): Promise<void> {
  const owned = await readOwned(join(labBaseDir(), labName));
  const namespaces = owned.flatMap((thing) => (thing.kind === 'device' ? thing.namespaces : []));
  const namespace = namespaces.find((name) => name.endsWith(`-${site}-${tenant}`));
  if (namespace === undefined) {
    throw new DemoError(`no demo with a site "${site}" is up; start one with: npm run demo`);
  }
  await (to === 'down' ? linkDown({ namespace }) : linkUp({ namespace }));
  console.log(`the uplink of ${site} is ${to}`);
}

async function perform(lab: Lab, cluster: DemoCluster, options: DemoOptions): Promise<void> {
  chapter('The provider, in the cloud: it runs with exactly the rights of manifests/rbac.yaml');
  const towline = await withProgress(say, 'applying the manifests and starting the provider', () =>
    startTowline({ lab, plane: cluster, disconnectGrace, ...cluster.addresses }),
  );
  chapter('Two sites behind NAT: a device each, which can only dial out');
  const sites = [];
  for (const name of ['berlin', 'lisbon']) {
    const site = await withProgress(say, `starting and joining the device of ${name}`, () =>
      towline.addSite({ name, tenant }),
    );
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
  say('removing the demo that an earlier run left up');
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

Cut a site's uplink and bring it back with

  npm run demo -- --cut lisbon
  npm run demo -- --mend lisbon

Stop it with

  npm run demo -- --stop
`);
}
