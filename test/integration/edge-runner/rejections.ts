import type { Test } from 'tap';
import type { Pod, PodSpec } from '../../../src/kube/api.ts';
import { asDesired, makePod } from './engine.ts';
import { scripted, type PodScene } from './pod-scene.ts';

interface Refusal {
  what: string;
  spec?: Partial<PodSpec>;
  labels?: Record<string, string>;
  reason: string;
  why: string;
}

const affinity = "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector";
const os = 'kubernetes.io/os';

const refusals: Refusal[] = [
  {
    what: 'another-system',
    spec: { os: { name: 'windows' } },
    reason: 'PodOSNotSupported',
    why: "Failed to admit pod as the OS field doesn't match node OS",
  },
  {
    what: 'label-of-another-system',
    labels: { [os]: 'windows' },
    reason: 'PodOSSelectorNodeLabelDoesNotMatch',
    why: "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
  },
  {
    what: 'pages-of-no-size',
    spec: {
      containers: [
        scripted('true', { resources: { requests: { 'hugepages-3Mi': '3Mi', cpu: '1m' } } }),
      ],
    },
    reason: 'OutOfhugepages-3Mi',
    why: "Node didn't have enough resource: hugepages-3Mi, requested: 3145728, used: 0, capacity: 0",
  },
  {
    what: 'more-memory',
    spec: { containers: [scripted('true', { resources: { requests: { memory: '1Pi' } } })] },
    reason: 'OutOfmemory',
    why: "Node didn't have enough resource: memory, requested: 1125899906842624, used: ",
  },
  {
    what: 'more-disk',
    spec: {
      containers: [scripted('true', { resources: { requests: { 'ephemeral-storage': '1Pi' } } })],
    },
    reason: 'OutOfephemeral-storage',
    why: "Node didn't have enough resource: ephemeral-storage, requested: 1125899906842624, used: ",
  },
];

const strict: Refusal = {
  what: 'strict-groups',
  spec: { securityContext: { supplementalGroupsPolicy: 'Strict' } },
  reason: 'SupplementalGroupsPolicyNotSupported',
  why: 'SupplementalGroupsPolicy=Strict is not supported in this node',
};

async function knowsStrictGroups({ engine }: PodScene): Promise<boolean> {
  const { features } = await engine.cri.status({});
  return features?.supplementalGroupsPolicy === true;
}

const foreign: Refusal = {
  what: 'selects-another-system',
  spec: { nodeSelector: { [os]: 'windows' } },
  reason: 'NodeAffinity',
  why: affinity,
};

function inZone(zone: string): NonNullable<PodSpec['affinity']> {
  const matchExpressions = [{ key: 'zone', operator: 'In', values: [zone] }];
  const nodeSelectorTerms = [{ matchExpressions }];
  const required = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } };
  return { nodeAffinity: required };
}

/** The site's Node, whose labels decide. */
const node = {
  metadata: { name: 'd.test', namespace: '', labels: { [os]: 'linux', zone: 'north' } },
};

/** Pods that a kubelet rejects: nothing of them is made, and status and event say why. */
export async function rejections(t: Test, scene: PodScene): Promise<void> {
  for (const refusal of refusals) {
    await t.test(refusal.what, (t) => isRejected(t, scene, refusal));
  }
  // With one that can, the groups themselves are looked at.
  if (!(await knowsStrictGroups(scene))) {
    await t.test(strict.what, (t) => isRejected(t, scene, strict));
  }
  await t.test('labels that are not known yet', async (t) => {
    scene.engine.remove(node, 'Node');
    await isRejected(t, scene, foreign);
    await isTaken(t, scene, 'any-zone', { zone: 'south' });
  });
  await t.test('labels of the node', async (t) => {
    scene.engine.put(asDesired('Node', node));
    await isRejected(t, scene, { ...foreign, what: 'selects-another-system-again' });
    await isRejected(t, scene, {
      ...{ what: 'needs-another-zone', reason: 'NodeAffinity', why: affinity },
      spec: { affinity: inZone('south') },
    });
    await isTaken(t, scene, 'needs-its-zone', {}, { affinity: inZone('north') });
    await isTaken(t, scene, 'its-zone', { zone: 'north', [os]: 'linux' });
  });
}

/** A selector is no reason to reject a pod. */
async function isTaken(
  t: Test,
  scene: PodScene,
  name: string,
  nodeSelector: Record<string, string>,
  more: Partial<PodSpec> = {},
): Promise<void> {
  const { status } = await scene.run(name, scripted('true'), { nodeSelector, ...more });
  t.equal(status.phase, 'Succeeded', name);
}

async function isRejected(t: Test, scene: PodScene, refusal: Refusal): Promise<void> {
  const { what, spec = {}, labels = {}, reason, why } = refusal;
  const pod: Pod = makePod(what, { containers: [scripted('true')], ...spec });
  pod.metadata.labels = labels;
  scene.engine.put(asDesired('Pod', pod));
  const status = await scene.untilOver(pod);
  t.match(status, { phase: 'Failed', reason });
  const { message = '' } = status;
  t.ok(message.startsWith(`Pod was rejected: ${why}`), message);
  t.same(status.containerStatuses, undefined);
  const event = await scene.untilEvent(pod, reason, /./);
  t.equal(event.type, 'Warning');
  t.ok(event.message.startsWith(why), event.message);
  scene.engine.remove(pod);
}
