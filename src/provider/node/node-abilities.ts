import type { NodeStatus } from '../../kube/api.ts';
import type { NodeReport } from '../../protocol/report.ts';
import { covers } from './covers.ts';

type Abilities = Pick<NodeStatus, (typeof abilityFields)[number]>;

/** Fields of a Node's status that say what can run there; not every API server has them. */
const abilityFields = ['declaredFeatures', 'runtimeHandlers', 'features'] as const;

/**
 * What the runner and its container runtime can do, as far as the API server has fields for it. Nothing
 * is only written where it takes something back.
 * Source: kubelet, pkg/kubelet/nodestatus, RuntimeHandlers and NodeFeatures.
 */
export function abilities(
  report: NodeReport,
  current: NodeStatus | undefined,
  apiMinor: number,
): Abilities {
  const { features = [], runtimeHandlers = [], runtimeFeatures } = report;
  // The API server wants them in order, each once.
  const declaredFeatures = [...new Set(features)].sort();
  const handlers = runtimeHandlers.map(({ name, ...can }) => ({
    ...(name === '' ? {} : { name }),
    features: can,
  }));
  return {
    ...(apiMinor < declaredFeaturesSince || isNothing(declaredFeatures, current?.declaredFeatures)
      ? {}
      : { declaredFeatures }),
    ...(apiMinor < runtimeFeaturesSince || isNothing(handlers, current?.runtimeHandlers)
      ? {}
      : { runtimeHandlers: handlers }),
    ...(apiMinor < runtimeFeaturesSince || isNothing(runtimeFeatures, current?.features)
      ? {}
      : { features: runtimeFeatures ?? { supplementalGroupsPolicy: false } }),
  };
}

/** Of each field that was sent, whether the API server dropped it or part of it, for a feature of it is off. */
export function judgeAbilities(
  sent: NodeStatus,
  written: NodeStatus | undefined,
): Map<string, boolean> {
  const fields = abilityFields.filter((field) => !isEmpty(sent[field]));
  return new Map(fields.map((field) => [field, !covers(written?.[field], sent[field])]));
}

/** The first API server with `status.declaredFeatures` of Nodes. */
const declaredFeaturesSince = 36;

/** The first one with `status.features`, and with everything that is said in `status.runtimeHandlers`. */
const runtimeFeaturesSince = 31;

function isNothing(wanted: unknown, current: unknown): boolean {
  return isEmpty(wanted) && current === undefined;
}

function isEmpty(field: unknown): boolean {
  return field === undefined || (Array.isArray(field) && field.length === 0);
}
