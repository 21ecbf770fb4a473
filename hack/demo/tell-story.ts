import { join, relative } from 'node:path';
import { kubectlChecked } from '../lab/kubectl.ts';
import { chapter, show, showOnDevice, until, type Stage } from './story.ts';
import { DemoError } from './demo-error.ts';

const example = relative('', join(import.meta.dirname, '../../manifests/example.yaml'));

/** The story: nodes, pods, logs and a shell; a site cut off, its pod running on; the link back. */
export async function tellStory(stage: Stage): Promise<void> {
  const [berlin] = stage.sites;
  if (berlin === undefined) throw new DemoError('there is no site to tell of');

  chapter('To Kubernetes every site is a node');
  await show(stage, 'get', 'sites', '-A');
  await show(stage, 'get', 'nodes', '-o', 'wide');

  chapter('The scheduler places a pod by node selector and toleration, as on any node');
  await show(stage, 'apply', '-f', example);
  await show(stage, 'rollout', 'status', '-n', 'acme', 'deployment/hello', '--timeout=60s');
  await show(stage, 'get', 'pods', '-n', 'acme', '-o', 'wide');

  chapter('A shell and logs, through the tunnel, over NAT');
  const fetch = 'uname -n; wget -q -O - http://127.0.0.1:8080/';
  await show(stage, 'exec', '-n', 'acme', 'deploy/hello', '--', 'sh', '-c', fetch);
  await show(stage, 'logs', '-n', 'acme', 'deploy/hello', '--timestamps');

  const before = await containerOf(stage);
  chapter('The uplink of berlin is cut');
  await berlin.device.uplinkDown();
  const ready = ['-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'];
  const condition = ['get', 'node', berlin.nodeName, ...ready];
  await until(
    stage,
    'the cloud to notice (a silent link is given up after 30 s, the node after 10 s more)',
    condition,
    'Unknown',
  );
  await show(stage, 'get', 'nodes');
  const reason = 'jsonpath={.status.conditions[?(@.type=="Ready")].message}{"\\n"}';
  await show(stage, 'get', 'node', berlin.nodeName, '-o', reason);

  chapter('Its container still runs, and nothing is evicted');
  await showOnDevice(berlin, 'ctr -n k8s.io tasks ls', 'tasks', 'ls');
  await show(stage, 'get', 'pods', '-n', 'acme', '-o', 'wide');

  chapter('The link comes back');
  await berlin.device.uplinkUp();
  await until(stage, 'the site to be back', condition, 'True');
  const available = 'jsonpath={.status.availableReplicas}';
  const deployment = ['get', 'deploy', 'hello', '-n', 'acme', '-o', available];
  await until(stage, 'its pod to be ready in the cloud again', deployment, '1');
  await show(stage, 'get', 'nodes');
  await show(stage, 'get', 'pods', '-n', 'acme', '-o', 'wide');
  await show(stage, 'exec', '-n', 'acme', 'deploy/hello', '--', 'echo', 'still the same container');
  if ((await containerOf(stage)) !== before) {
    throw new DemoError('the container is not the one it was before the cut');
  }
}

/** Identity and restarts of the example's container. */
async function containerOf(stage: Stage): Promise<string> {
  const path =
    'jsonpath={.items[0].status.containerStatuses[0].containerID} {.items[0].status.containerStatuses[0].restartCount}';
  return kubectlChecked(stage.kubeconfig, ['get', 'pods', '-n', 'acme', '-o', path]);
}
