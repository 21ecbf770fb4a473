import t from 'tap';
import { ImageCollector } from '../../../../src/edge-runner/garbage/image-collector.ts';
import { neededImages } from '../../../../src/edge-runner/garbage/needed-images.ts';
import {
  bytesToFree,
  imagesToRemove,
  type StoredImage,
} from '../../../../src/edge-runner/garbage/plan-images.ts';
import { CriError } from '../../../../src/edge-runner/cri/cri-error.ts';
import { Image } from '../../../../src/edge-runner/cri/image-messages.ts';
import { PulledImages } from '../../../../src/edge-runner/pod/pulled-images.ts';
import { makePod, web } from '../pod/make-observed.ts';
import { FakeStore } from '../report/fake-store.ts';

const signal = new AbortController().signal;
const percent = { highPercent: 85, lowPercent: 80 };

void t.test('nothing is freed below the high mark, and down to the low one above it', (t) => {
  t.equal(bytesToFree({ capacityBytes: 1000, availableBytes: 160 }, percent), 0);
  t.equal(bytesToFree({ capacityBytes: 1000, availableBytes: 150 }, percent), 50);
  t.equal(bytesToFree({ capacityBytes: 1000, availableBytes: 0 }, percent), 200);
  t.equal(bytesToFree({ capacityBytes: 0, availableBytes: 0 }, percent), 0);
  t.end();
});

void t.test('what was not used for longest goes first, and never what is needed or new', (t) => {
  const image = (id: string, fields: Partial<StoredImage> = {}): StoredImage => ({
    ...{ id, sizeBytes: 10, isNeeded: false, firstSeenMs: 0, lastUsedMs: 0 },
    ...fields,
  });
  const images = [
    image('newer', { lastUsedMs: 5 }),
    image('needed', { isNeeded: true }),
    image('young', { firstSeenMs: 950 }),
    image('oldest'),
  ];
  const ids = (bytes: number): string[] =>
    imagesToRemove(images, bytes, { minAgeMs: 100, nowMs: 1000 }).map(({ id }) => id);
  t.same(ids(5), ['oldest']);
  t.same(ids(11), ['oldest', 'newer']);
  t.same(ids(Infinity), ['oldest', 'newer']);
  t.end();
});

void t.test(
  'pods need the images of all their containers and volumes until they have ended',
  (t) => {
    const pod = makePod({
      initContainers: [{ name: 'init', image: 'init:1' }],
      containers: [web],
      volumes: [
        { name: 'v', image: { reference: 'data:1' } },
        { name: 'e', emptyDir: {} },
      ],
    });
    const other = makePod({ containers: [{ name: 'x', image: 'x:1' }] });
    const users = [
      { pod, isDesired: true, status: undefined },
      { pod: other, isDesired: true, status: { phase: 'Failed' as const } },
      { pod: other, isDesired: false, status: undefined },
    ];
    t.same([...neededImages(users)].sort(), ['data:1', 'init:1', 'web:1']);
    t.end();
  },
);

/** A runtime with images of 100 bytes each, on a disk of 1000. */
class Runtime {
  images = new Map<string, string>();
  containers: { imageRef: string; image?: { image: string } }[] = [];
  readonly digests = new Map<string, string>();
  readonly pinned = new Set<string>();
  /** Names that the runtime was asked for. */
  readonly asked: string[] = [];
  /** One that it answers with its refusal. */
  missing: string | undefined;
  readonly warned: unknown[][] = [];
  needed: string[] = [];
  nowMs = 0;
  readonly store = new FakeStore();
  readonly pulled = new PulledImages(this.store);
  readonly collector = new ImageCollector({
    pulled: this.pulled,
    cri: {
      listImages: () =>
        Promise.resolve({
          images: Array.from(this.images, ([id, tag]) => {
            const digest = this.digests.get(id);
            return {
              ...{ ...Image.decode(new Uint8Array()), id, repoTags: [tag], size: 100 },
              repoDigests: digest === undefined ? [] : [digest],
              pinned: this.pinned.has(id),
            };
          }),
        }),
      listContainers: () => Promise.resolve({ containers: this.containers as never }),
      imageStatus: ({ image }) => {
        this.asked.push(image?.image ?? '');
        if (image?.image === this.missing) {
          return Promise.reject(
            new CriError('NOT_FOUND', {
              method: 'ImageStatus',
              detail: 'no such image',
              socketPath: '',
              answered: true,
            }),
          );
        }
        const full = `docker.io/library/${image?.image ?? ''}:latest`;
        const id = Array.from(this.images).find(([, tag]) => tag === full)?.[0];
        return Promise.resolve({
          image: id === undefined ? undefined : { ...Image.decode(new Uint8Array()), id },
          info: {},
        });
      },
      removeImage: ({ image }) => {
        this.images.delete(image?.image ?? '');
        return Promise.resolve({});
      },
      status: () =>
        Promise.resolve({
          status: undefined,
          info: { config: '{"sandboxImage":"pause:1"}' },
        } as never),
    },
    policy: { ...percent, minAgeMs: 1000 },
    neededNames: () => this.needed,
    disk: () =>
      Promise.resolve({ capacityBytes: 1000, availableBytes: 1000 - 100 * this.images.size }),
    nowMs: () => this.nowMs,
    log: { info: () => undefined, warn: (...words: unknown[]) => this.warned.push(words) },
  });
}

void t.test('a full disk loses only what neither container, pod nor sandbox needs', async (t) => {
  const runtime = new Runtime();
  const fill = ['pause:1', 'run:1', 'docker.io/library/short:latest', 'a:1', 'b:1'];
  fill.forEach((tag, index) => runtime.images.set(`id${index}`, tag));
  runtime.containers = [{ imageRef: 'id1' }, { imageRef: 'id4' }];
  runtime.needed = ['short'];
  await runtime.collector.collect(signal);
  t.equal(runtime.images.size, 5, 'half full');
  for (const id of ['id5', 'id6', 'id7', 'id8']) runtime.images.set(id, `${id}:1`);
  runtime.containers = [{ imageRef: 'id1' }];
  runtime.nowMs = 5000;
  await runtime.collector.collect(signal);
  t.same([...runtime.images.keys()].includes('id3'), false, 'a:1 was there, and never used');
  t.ok(runtime.images.has('id4'), 'the low mark is reached with one');
  t.equal(runtime.images.size, 8);
  runtime.nowMs = 10_000;
  await runtime.collector.removeUnused(signal);
  t.same([...runtime.images.keys()].sort(), ['id0', 'id1', 'id2']);
});

void t.test(
  'an image is known by its names, digests and id, and kept where it is pinned',
  async (t) => {
    const runtime = new Runtime();
    for (const [id, tag] of [
      ['sha256:1', 'pause:1'],
      ['sha256:2', 'docker.io/library/by-digest:1'],
      ['sha256:3', 'docker.io/library/by-name:1'],
      ['sha256:4', 'docker.io/library/by-id:1'],
      ['sha256:5', 'docker.io/library/pinned:1'],
      ['sha256:6', 'docker.io/library/unused:1'],
    ] as const) {
      runtime.images.set(id, tag);
    }
    runtime.digests.set('sha256:2', `docker.io/library/by-digest@sha256:${'a'.repeat(64)}`);
    runtime.pinned.add('sha256:5');
    // A container whose image was tagged anew has its reference alone, or its name alone.
    runtime.containers = [
      { imageRef: '', image: { image: 'docker.io/library/by-name:1' } },
      { imageRef: 'sha256:4' },
    ];
    runtime.needed = [`docker.io/library/by-digest@sha256:${'a'.repeat(64)}`, 'NO IMAGE'];
    runtime.nowMs = 5_000;
    await runtime.collector.removeUnused(signal);
    runtime.nowMs = 10_000;
    await runtime.collector.removeUnused(signal);
    t.same(
      [...runtime.images.keys()],
      [1, 2, 3, 4, 5].map((n) => `sha256:${n}`),
    );
    t.notOk(
      runtime.asked.includes('NO IMAGE'),
      'the runtime is not asked for what is no reference',
    );
  },
);

void t.test('an image that the runtime no longer knows by a short name is none', async (t) => {
  const runtime = new Runtime();
  runtime.needed = ['gone'];
  runtime.missing = 'gone';
  await runtime.collector.removeUnused(signal);
  t.same(runtime.asked, ['gone', 'pause:1']);
});

void t.test('the one used last stays longest, and one that comes back is new', async (t) => {
  const runtime = new Runtime();
  for (const id of ['a', 'b', 'c']) runtime.images.set(id, `${id}:1`);
  runtime.containers = [{ imageRef: 'a' }, { imageRef: 'b' }];
  runtime.nowMs = 500;
  await runtime.collector.collect(signal);
  runtime.nowMs = 2_000;
  runtime.containers = [{ imageRef: 'a' }];
  await runtime.collector.collect(signal);
  runtime.containers = [];
  for (const id of ['d', 'e', 'f', 'g', 'h', 'i']) runtime.images.set(id, `${id}:1`);
  runtime.nowMs = 2_500;
  await runtime.collector.collect(signal);
  t.notOk(runtime.images.has('c'), 'never used');
  t.ok(runtime.images.has('b'));
  runtime.images.set('c', 'c:1');
  runtime.nowMs = 2_600;
  await runtime.collector.collect(signal);
  t.ok(runtime.images.has('c'), 'new again');
  t.notOk(runtime.images.has('b'), 'used before the other');
  t.ok(runtime.images.has('a'));
});

void t.test('an image that others took away is new when it comes back', async (t) => {
  const runtime = new Runtime();
  for (let n = 0; n < 8; n += 1) runtime.images.set(`id${n}`, `${n}:1`);
  runtime.containers = Array.from(runtime.images.keys(), (imageRef) => ({ imageRef }));
  const collectAt = async (nowMs: number): Promise<boolean> => {
    runtime.nowMs = nowMs;
    await runtime.collector.collect(signal);
    return runtime.images.has('unused');
  };
  runtime.images.set('unused', 'unused:1');
  t.ok(await collectAt(0), 'too young');
  runtime.images.delete('unused');
  await collectAt(5_000);
  runtime.images.set('unused', 'unused:1');
  t.ok(await collectAt(6_000), 'and again');
  t.notOk(await collectAt(7_000));
});

void t.test('a disk that stays too full for want of unused images is warned of', async (t) => {
  const runtime = new Runtime();
  for (let n = 0; n < 9; n += 1) runtime.images.set(`id${n}`, `${n}:1`);
  runtime.containers = Array.from(runtime.images.keys(), (imageRef) => ({ imageRef }));
  await runtime.collector.collect(signal);
  t.match(runtime.warned, [[{ wantedBytes: 100, freedBytes: 0 }, /nearly full/]]);
  t.equal(runtime.images.size, 9);
});

void t.test('who may use an image is forgotten once the image is gone', async (t) => {
  const runtime = new Runtime();
  runtime.images.set('id1', 'a:1').set('id2', 'b:1');
  for (const [name, id] of [
    ['a:1', 'id1'],
    ['b:1', 'id2'],
  ] as const) {
    runtime.pulled.began(name);
    runtime.pulled.succeeded(name, id, undefined);
  }
  runtime.pulled.began('c:1');
  runtime.images.delete('id1');
  await runtime.collector.collect(signal);
  t.same([...runtime.store.pulls.keys()].sort(), ['id2', 'pulling c:1']);
});
