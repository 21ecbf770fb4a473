import { fieldRefRule, resourceFieldRefRule } from './container-fields.ts';
import {
  anything,
  fields,
  flag,
  listOf,
  number,
  oneOf,
  quantity,
  text,
  type FieldRule,
} from './field-rules.ts';

const items = listOf(fields({ key: text, path: text, mode: number }, ['key', 'path']));

const downwardItems = listOf(
  fields(
    { path: text, mode: number, fieldRef: fieldRefRule, resourceFieldRef: resourceFieldRefRule },
    ['path'],
  ),
);

const projectionRule = fields({
  configMap: fields({ name: text, items, optional: flag }),
  secret: fields({ name: text, items, optional: flag }),
  downwardAPI: fields({ items: downwardItems }),
  clusterTrustBundle: fields(
    {
      ...{ name: text, signerName: text, optional: flag, path: text },
      labelSelector: fields({
        matchLabels: anything,
        matchExpressions: listOf(fields({ key: text, operator: text, values: listOf(text) })),
      }),
    },
    ['path'],
  ),
  serviceAccountToken: fields({ audience: text, expirationSeconds: number, path: text }, ['path']),
});

const hostPathType = oneOf(
  'DirectoryOrCreate',
  'Directory',
  'FileOrCreate',
  'File',
  'Socket',
  'CharDevice',
  'BlockDevice',
);

/** The volumes, and their fields, that Towline honours. */
export const volumeRule: FieldRule = fields(
  {
    name: text,
    emptyDir: fields({ medium: oneOf('Memory'), sizeLimit: quantity }),
    configMap: fields({ name: text, items, defaultMode: number, optional: flag }),
    secret: fields({ secretName: text, items, defaultMode: number, optional: flag }),
    downwardAPI: fields({ items: downwardItems, defaultMode: number }),
    projected: fields({ sources: listOf(projectionRule), defaultMode: number }),
    hostPath: fields({ path: text, type: hostPathType }, ['path']),
    nfs: fields({ server: text, path: text, readOnly: flag }, ['server', 'path']),
    persistentVolumeClaim: fields({ claimName: text, readOnly: flag }, ['claimName']),
    ephemeral: fields({ volumeClaimTemplate: anything }),
    image: fields({ reference: text, pullPolicy: oneOf('Always', 'IfNotPresent', 'Never') }),
  },
  ['name'],
);
