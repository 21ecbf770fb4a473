import * as models from '@kubernetes/client-node';
import type { FieldRule } from '../../../src/kube/field-rules.ts';
import { podSpecRule } from '../../../src/kube/unsupported.ts';
import {
  everyValue,
  noReasons,
  partlyNotes,
  statusFields,
  type Row,
} from './compatibility-notes.ts';

/**
 * A row for every field of the Pod API, from the API's own schema (as the Kubernetes client has it)
 * and the rules by which the runner refuses a pod. Fields of what isn't honoured, or is honoured
 * whatever is in it, have no rows of their own.
 */
export function specRows(): Row[] {
  return rowsOf('V1PodSpec', podSpecRule, 'spec');
}

/** A row for each field of a pod's status and of a container's. */
export function statusRows(): Row[] {
  return [
    ...attributesOf('V1PodStatus').map(({ baseName }) => `status.${baseName}`),
    ...attributesOf('V1ContainerStatus').map(
      ({ baseName }) => `status.containerStatuses[].${baseName}`,
    ),
  ].map((field) => ({ field, ...(statusFields[field] ?? { honoured: 'no', note: '' }) }));
}

interface Attribute {
  baseName: string;
  type: string;
}

function rowsOf(type: string, rule: FieldRule, path: string): Row[] {
  return attributesOf(type).flatMap(({ baseName, type: typeName }): Row[] => {
    const fieldRule = rule.fields?.[baseName];
    const isList = typeName.startsWith('Array<');
    const field = `${path}.${baseName}${isList ? '[]' : ''}`;
    if (fieldRule === undefined) return [{ field, honoured: 'no', note: noReason(field) }];
    const own = fieldRule.item ?? fieldRule;
    const below = own.fields ? rowsOf(typeName.replace(/^Array<(.*)>$/, '$1'), own, field) : [];
    return [row(field, own, below), ...(asContainers.has(field) ? [] : below)];
  });
}

/** What has its rows under `spec.containers[]`. */
const asContainers = new Set(['spec.ephemeralContainers[]', 'spec.initContainers[]']);

function row(field: string, rule: FieldRule, below: Row[]): Row {
  const written = partlyNotes[field];
  const limited = rule.values !== undefined && !everyValue.has(field);
  const only = limited ? `only ${rule.values?.map((value) => `\`${value}\``).join(', ')}` : '';
  const note = [only, written ?? ''].filter((part) => part !== '').join('; ');
  const lacks = below.some(({ honoured }) => honoured !== 'yes');
  if (note !== '') return { field, honoured: 'partly', note };
  return { field, honoured: lacks ? 'partly' : 'yes', note: lacks ? 'see below' : '' };
}

/** Maps, whose keys the user chooses, have none. */
function attributesOf(type: string): Attribute[] {
  if (type.startsWith('{')) return [];
  const model = (models as unknown as Partial<Record<string, Model>>)[type];
  if (model?.getAttributeTypeMap === undefined) throw new Error(`no schema of ${type}`);
  return model.getAttributeTypeMap();
}

interface Model {
  getAttributeTypeMap?: () => Attribute[];
}

function noReason(field: string): string {
  return noReasons.find(([pattern]) => pattern.test(field))?.[1] ?? '';
}
