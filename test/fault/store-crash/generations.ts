import { Random } from '../../fuzz/random.ts';
import type { ReportChange, StoredToken } from '../../../src/edge-runner/store/edge-store.ts';
import type { SqliteStore } from '../../../src/edge-runner/store/sqlite-store.ts';
import type { DesiredObject, RemovedObject } from '../../../src/protocol/sync.ts';

/** What a store holds after so many generations: a function of the seed and the number alone. */
export interface Generation {
  objects: DesiredObject[];
  reports: ReportChange;
  token: StoredToken;
}

const maxObjects = 8;
const maxObjectBytes = 40_000;

export function generation(seed: number, number: number): Generation {
  const random = new Random(seed * 1_000_003 + number);
  const objects = Array.from({ length: 1 + random.below(maxObjects) }, (_, i) =>
    object(`object-${i}`, number, random.below(maxObjectBytes)),
  );
  const pod = { uid: 'uid-1', namespace: 'berlin', name: 'shop' };
  return {
    objects,
    reports: {
      pods: [{ ...pod, status: { message: `generation ${number}` }, gone: false, sent: false }],
      ...{ forgottenPods: [], events: [], sentEvents: [] },
    },
    token: { token: `token ${number}`, issuedAtMs: number, expiresAtMs: number + 1 },
  };
}

/** Brings a store from one generation to the next, in three transactions. */
export function advance(store: SqliteStore, seed: number, number: number): void {
  const { objects, reports, token } = generation(seed, number);
  const names = new Set(objects.map(({ name }) => name));
  const remove: RemovedObject[] = store.objects().filter(({ name }) => !names.has(name));
  store.applyDelta(objects, remove, true);
  store.writeReports(reports);
  store.writeToken('uid-1', 'api', token);
}

function object(name: string, number: number, bytes: number): DesiredObject {
  return {
    ...{ kind: 'ConfigMap', namespace: 'berlin', name, uid: `uid-${name}`, version: `v${number}` },
    object: { metadata: { name }, data: { content: `${number},`.repeat(bytes / 4) } },
  };
}
