import type { NodeSelectorRequirement, NodeSelectorTerm, PodSpec } from './api.ts';
import { matchesRequirement } from './label-requirement.ts';

/** What a pod's demands on its node are judged by. */
export interface NodeTraits {
  name: string;
  labels: Record<string, string>;
}

/**
 * Whether a node is one of those that a pod asks for by `nodeSelector` and by the required part of its
 * node affinity.
 * Source: k8s.io/component-helpers/scheduling/corev1/nodeaffinity.
 */
export function matchesNode(spec: PodSpec, node: NodeTraits): boolean {
  const selected = Object.entries(spec.nodeSelector ?? {});
  if (selected.some(([label, value]) => node.labels[label] !== value)) return false;
  const terms = requiredTerms(spec);
  return terms === undefined || matchesTerms(terms, node);
}

/** Whether a node fulfils one of these terms at least. */
export function matchesTerms(terms: readonly NodeSelectorTerm[], node: NodeTraits): boolean {
  return terms.some((term) => matchesTerm(term, node));
}

function requiredTerms({ affinity }: PodSpec): NodeSelectorTerm[] | undefined {
  return affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
}

/** A term without any requirement matches nothing. */
function matchesTerm(
  { matchExpressions = [], matchFields = [] }: NodeSelectorTerm,
  { name, labels }: NodeTraits,
): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false;
  const fields: Record<string, string> = { 'metadata.name': name };
  return (
    matchExpressions.every((requirement) => matches(requirement, labels)) &&
    matchFields.every((requirement) => matches(requirement, fields))
  );
}

/** Numbers are compared too, other than in a selector of labels. */
function matches(requirement: NodeSelectorRequirement, labels: Record<string, string>): boolean {
  const { key, operator, values = [] } = requirement;
  const wanted = Number.parseInt(values[0] ?? '', 10);
  const value = Number.parseInt((Object.hasOwn(labels, key) ? labels[key] : undefined) ?? '', 10);
  if (operator === 'Gt') return value > wanted;
  if (operator === 'Lt') return value < wanted;
  return matchesRequirement(requirement, labels);
}
