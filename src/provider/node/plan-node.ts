import type { Node, NodeStatus, Taint } from '../../kube/api.ts';
import {
  isLeaving,
  leavingTaint,
  nodeNameOf,
  type Site,
  siteLabel,
  tenantLabel,
} from '../../kube/site.ts';
import type { NodeReport } from '../../protocol/report.ts';

/** On a Node: the labels and taints that Towline set, and may therefore take away. */
export const managedAnnotation = 'towline.dev/managed';

/** What Towline wants of a Node's metadata and spec; the rest belongs to others. */
export interface WantedNode {
  name: string;
  labels: Record<string, string>;
  taints: Taint[];
}

type NodeFacts = Pick<NodeReport['nodeInfo'], 'operatingSystem' | 'architecture'>;

/** The labels and taints that a site's Node is to have. */
export function wantedNode(site: Site, facts: NodeFacts): WantedNode {
  const { name, namespace = '' } = site.metadata;
  const nodeName = nodeNameOf({ name, tenant: namespace });
  return {
    name: nodeName,
    labels: {
      ...site.spec?.nodeLabels,
      'kubernetes.io/hostname': nodeName,
      'kubernetes.io/os': facts.operatingSystem,
      'kubernetes.io/arch': facts.architecture,
      'beta.kubernetes.io/os': facts.operatingSystem,
      'beta.kubernetes.io/arch': facts.architecture,
      [siteLabel]: name,
      [tenantLabel]: namespace,
    },
    taints: [
      ...(site.spec?.taints ?? [{ key: siteLabel, value: name, effect: 'NoSchedule' as const }]),
      ...(isLeaving(site) ? [leavingTaint] : []),
    ],
  };
}

/** The Node to create for a site. */
export function newNode(wanted: WantedNode, status: NodeStatus): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: wanted.name,
      labels: wanted.labels,
      annotations: { [managedAnnotation]: managedOf(wanted) },
    },
    spec: { taints: wanted.taints },
    status,
  };
}

/**
 * JSON merge patch that brings a Node's labels and taints to where they are wanted, and takes away
 * those that Towline once set; `undefined` if there is nothing to do. It holds for this version of
 * the Node only, for taints are one list that others write too.
 */
export function planNodePatch(node: Node, wanted: WantedNode): object | undefined {
  const labels = labelChanges(node, wanted);
  const taints = mergedTaints(node, wanted);
  const managed = managedOf(wanted);
  const taintsChanged = canonical(taints) !== canonical(node.spec?.taints ?? []);
  const managedChanged = node.metadata.annotations?.[managedAnnotation] !== managed;
  if (Object.keys(labels).length === 0 && !taintsChanged && !managedChanged) return undefined;
  return {
    metadata: {
      uid: node.metadata.uid,
      resourceVersion: node.metadata.resourceVersion,
      labels,
      annotations: { [managedAnnotation]: managed },
    },
    ...(taintsChanged ? { spec: { taints } } : {}),
  };
}

/** Whether a Node stands for this site, and not for a machine that has the same name. */
export function standsFor(node: Node, site: { name: string; tenant: string }): boolean {
  const { labels } = node.metadata;
  return labels?.[siteLabel] === site.name && labels[tenantLabel] === site.tenant;
}

interface Managed {
  labels: string[];
  /** `key:effect` */
  taints: string[];
}

function managedOf(wanted: WantedNode): string {
  const managed: Managed = {
    labels: Object.keys(wanted.labels).sort(),
    taints: wanted.taints.map(taintId).sort(),
  };
  return JSON.stringify(managed);
}

function labelChanges(node: Node, wanted: WantedNode): Record<string, string | null> {
  const current = node.metadata.labels ?? {};
  const changes: Record<string, string | null> = {};
  for (const key of managedBefore(node).labels) {
    if (current[key] !== undefined && wanted.labels[key] === undefined) changes[key] = null;
  }
  for (const [key, value] of Object.entries(wanted.labels)) {
    if (current[key] !== value) changes[key] = value;
  }
  return changes;
}

/** Others' taints first, in their order. */
function mergedTaints(node: Node, wanted: WantedNode): Taint[] {
  const ours = new Set([...managedBefore(node).taints, ...wanted.taints.map(taintId)]);
  const current = node.spec?.taints ?? [];
  const kept = current.filter((taint) => !ours.has(taintId(taint)));
  // A taint that stays keeps what the API server added to it, such as `timeAdded`.
  const owned = wanted.taints.map(
    (taint) =>
      current.find(
        (c) => taintId(c) === taintId(taint) && (c.value ?? '') === (taint.value ?? ''),
      ) ?? taint,
  );
  return [...kept, ...owned];
}

function managedBefore(node: Node): Managed {
  try {
    const value = JSON.parse(node.metadata.annotations?.[managedAnnotation] ?? '{}') as unknown;
    const { labels, taints } = value as Partial<Record<keyof Managed, unknown>>;
    return { labels: strings(labels), taints: strings(taints) };
  } catch {
    return { labels: [], taints: [] };
  }
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function taintId(taint: Taint): string {
  return `${taint.key}:${taint.effect}`;
}

/** Independent of the order of the taints. */
function canonical(taints: Taint[]): string {
  return JSON.stringify(taints.map((taint) => `${taintId(taint)}=${taint.value ?? ''}`).sort());
}
