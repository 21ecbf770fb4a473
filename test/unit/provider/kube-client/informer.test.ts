import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import pino from 'pino';
import t from 'tap';
import type { KubernetesObject } from '../../../../src/kube/api.ts';
import { Informer, type InformerOptions } from '../../../../src/provider/kube-client/informer.ts';
import { resources } from '../../../../src/provider/kube-client/resource-type.ts';
import { ApiServerFake, sendJson, sendStatus, type Teardown } from './api-server-fake.ts';

const timing = {
  backOff: { baseMs: 5, capMs: 20 },
  unreachableBackOff: { baseMs: 5, capMs: 20 },
  bookmarkSilenceMs: 200,
  watchTimeoutSeconds: { min: 300, max: 300 },
  minWatchMs: 0,
};

function config(name: string, resourceVersion: string, uid = `${name}-uid`): KubernetesObject {
  return { metadata: { name, namespace: 'n', uid, resourceVersion } };
}

function line(type: string, object: unknown): string {
  return `${JSON.stringify({ type, object })}\n`;
}

/** An API server whose list and watches are scripted, and an informer of it. */
class Scene {
  readonly changes: string[] = [];
  readonly watches: { resourceVersion: string; response: ServerResponse }[] = [];
  lists = 0;
  items: unknown[] = [];
  listVersion = '10';
  readonly #server: ApiServerFake;
  readonly informer: Informer<KubernetesObject>;
  readonly #controller = new AbortController();
  readonly running: Promise<void>;
  readonly #events = new EventTarget();
  /** What a new watch is answered; undefined to leave it open. */
  onWatch: ((response: ServerResponse, count: number) => void) | undefined;

  private constructor(server: ApiServerFake, options: Partial<InformerOptions<KubernetesObject>>) {
    this.#server = server;
    this.informer = new Informer<KubernetesObject>({
      client: server.client,
      type: resources.configMaps,
      log: pino({ level: 'silent' }),
      timing,
      ...options,
    });
    this.informer.subscribe((change) => {
      const { name, resourceVersion } = change.object.metadata;
      this.changes.push(`${change.type} ${name} ${resourceVersion}`);
      this.#events.dispatchEvent(new Event('step'));
    });
    this.running = this.informer.run(this.#controller.signal);
  }

  static async start(
    test: Teardown,
    setUp: (scene: { items: unknown[]; listVersion?: string }) => void = () => undefined,
    options: Partial<InformerOptions<KubernetesObject>> = {},
  ): Promise<Scene> {
    const script: { items: unknown[]; listVersion?: string } = { items: [] };
    setUp(script);
    const server = await ApiServerFake.start((request, response) => {
      scene.serve(request.url, response);
    });
    const scene = new Scene(server, options);
    scene.items = script.items;
    scene.listVersion = script.listVersion ?? scene.listVersion;
    test.teardown(async () => {
      await scene.stop();
      await server.stop();
    });
    return scene;
  }

  /** Of the store; none is as new as whatever was sent. */
  storeVersion: string | undefined;

  serve(url: URL, response: ServerResponse): void {
    if (url.searchParams.get('limit') === '1') {
      const resourceVersion = this.storeVersion ?? '1000000';
      sendJson(response, { metadata: { resourceVersion }, items: [] });
    } else if (url.searchParams.get('watch') !== 'true') {
      this.lists += 1;
      sendJson(response, {
        kind: 'ConfigMapList',
        apiVersion: 'v1',
        metadata: { resourceVersion: this.listVersion },
        items: this.items,
      });
    } else {
      const resourceVersion = url.searchParams.get('resourceVersion') ?? '';
      this.watches.push({ resourceVersion, response });
      if (this.onWatch) this.onWatch(response, this.watches.length);
      else response.writeHead(200).flushHeaders();
    }
    this.#events.dispatchEvent(new Event('step'));
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await once(this.#events, 'step');
  }

  send(type: string, object: unknown): void {
    this.watches.at(-1)?.response.write(line(type, object));
  }

  breakConnections(): void {
    this.#server.breakConnections();
  }

  async stop(): Promise<void> {
    this.#controller.abort();
    await this.running;
  }
}

void t.test('an informer lists, then follows the watch', async (t) => {
  const scene = await Scene.start(t, (s) => {
    s.items = [config('a', '1')];
  });
  await scene.informer.synced;
  t.same(scene.informer.get('n', 'a'), {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    ...config('a', '1'),
  });
  await scene.until(() => scene.watches.length === 1);
  t.equal(scene.watches[0]?.resourceVersion, '10');
  scene.send('ADDED', config('b', '11'));
  scene.send('MODIFIED', config('a', '12'));
  scene.send('DELETED', config('b', '13'));
  await scene.until(() => scene.changes.length === 4);
  t.same(scene.changes, ['set a 1', 'set b 11', 'set a 12', 'delete b 11']);
  t.equal(scene.informer.list().length, 1);
  t.ok(scene.informer.ageMs < 5_000);
});

void t.test('a broken watch is resumed at the last resource version, without a list', async (t) => {
  const scene = await Scene.start(t);
  await scene.until(() => scene.watches.length === 1);
  scene.send('ADDED', config('a', '15'));
  await scene.until(() => scene.changes.length === 1);
  scene.breakConnections();
  await scene.until(() => scene.watches.length === 2);
  t.equal(scene.watches[1]?.resourceVersion, '15');
  t.equal(scene.lists, 1);
});

void t.test('after a server that was away, listeners hear the difference', async (t) => {
  const scene = await Scene.start(t, (s) => {
    s.items = [config('same', '2'), config('back', '300'), config('later', '299')];
    s.listVersion = '300';
  });
  scene.onWatch = (response, count): void => {
    if (count === 2) sendStatus(response, 503, 'ServiceUnavailable');
    else response.writeHead(200).flushHeaders();
  };
  await scene.until(() => scene.watches.length === 1);
  t.equal(scene.informer.lists, 1);
  // Restored from a backup: versions begin again where they were then, and mean something else.
  scene.items = [config('same', '2'), { ...config('back', '300'), data: { a: 'other' } }];
  scene.listVersion = '300';
  scene.breakConnections();
  await scene.until(() => scene.watches.length === 3);
  t.same(scene.changes.slice(3), ['set back 300', 'delete later 299']);
  t.equal(scene.watches[2]?.resourceVersion, '300');
  t.equal(scene.informer.lists, 2);
});

void t.test(
  'a store that has gone back is listed, also where a watch of the old place begins',
  async (t) => {
    const scene = await Scene.start(t, (s) => {
      s.items = [config('settings', '300')];
      s.listVersion = '300';
    });
    await scene.until(() => scene.watches.length === 1);
    scene.items = [config('settings', '200')];
    scene.listVersion = '210';
    scene.storeVersion = '211';
    scene.breakConnections();
    await scene.until(() => scene.watches.length === 2);
    t.same(scene.changes, ['set settings 300', 'set settings 200']);
    t.equal(scene.watches[1]?.resourceVersion, '210');
  },
);

void t.test('a server that is busy gets no list on top', async (t) => {
  const scene = await Scene.start(t);
  scene.onWatch = (response, count): void => {
    if (count === 2) sendStatus(response, 429, 'TooManyRequests');
    else response.writeHead(200).flushHeaders();
  };
  await scene.until(() => scene.watches.length === 1);
  scene.breakConnections();
  await scene.until(() => scene.watches.length === 3);
  t.equal(scene.lists, 1);
});

void t.test('a bookmark moves the place where a watch is resumed', async (t) => {
  const scene = await Scene.start(t);
  await scene.until(() => scene.watches.length === 1);
  scene.send('BOOKMARK', { kind: 'ConfigMap', metadata: { resourceVersion: '99' } });
  scene.watches[0]?.response.end();
  await scene.until(() => scene.watches.length === 2);
  t.equal(scene.watches[1]?.resourceVersion, '99');
  t.same(scene.changes, []);
});

void t.test('a watch that falls silent after a bookmark is begun again', async (t) => {
  const scene = await Scene.start(t);
  await scene.until(() => scene.watches.length === 1);
  scene.send('BOOKMARK', { kind: 'ConfigMap', metadata: { resourceVersion: '20' } });
  await scene.until(() => scene.watches.length === 2);
  t.equal(scene.watches[1]?.resourceVersion, '20');
});

for (const how of ['an event', 'a status']) {
  void t.test(`when the version is gone by ${how}, listeners hear the difference`, async (t) => {
    const scene = await Scene.start(t, (s) => {
      s.items = [config('gone', '1'), config('same', '2'), config('new', '3', 'old-uid')];
    });
    scene.onWatch = (response, count): void => {
      if (count > 1) {
        response.writeHead(200).flushHeaders();
        return;
      }
      scene.items = [config('same', '2'), config('new', '33', 'new-uid'), config('more', '4')];
      scene.listVersion = '40';
      if (how === 'a status') {
        sendStatus(response, 410, 'Expired');
        return;
      }
      response.end(line('ERROR', { kind: 'Status', code: 410, reason: 'Expired' }));
    };
    await scene.until(() => scene.watches.length === 2);
    t.same(scene.changes.slice(3), ['delete new 3', 'set new 33', 'set more 4', 'delete gone 1']);
    t.equal(scene.watches[1]?.resourceVersion, '40');
  });
}

void t.test('a malformed object is rejected alone', async (t) => {
  const rejected: unknown[] = [];
  const scene = await Scene.start(
    t,
    (s) => {
      s.items = [null, { metadata: {} }, { metadata: { name: 'homeless' } }, config('a', '1')];
    },
    { onRejected: (object) => rejected.push(object) },
  );
  await scene.until(() => scene.watches.length === 1);
  scene.send('ADDED', { metadata: null });
  scene.send('MODIFIED', 'text');
  scene.send('ADDED', config('b', '11'));
  await scene.until(() => scene.changes.length === 2);
  t.same(scene.changes, ['set a 1', 'set b 11']);
  t.equal(rejected.length, 5);
  t.equal(scene.watches.length, 1);
});

void t.test('an object that transform refuses keeps its version before', async (t) => {
  const scene = await Scene.start(
    t,
    (s) => {
      s.items = [config('a', '1')];
    },
    {
      transform: (object) => {
        if (object.metadata.resourceVersion === '11') throw new TypeError('no');
        return { metadata: { ...object.metadata, labels: { seen: 'yes' } } };
      },
    },
  );
  await scene.until(() => scene.watches.length === 1);
  scene.send('MODIFIED', config('a', '11'));
  scene.send('ADDED', config('b', '12'));
  await scene.until(() => scene.changes.length === 2);
  t.same(scene.informer.get('n', 'a')?.metadata.resourceVersion, '1');
  t.same(scene.informer.get('n', 'b')?.metadata.labels, { seen: 'yes' });
});

void t.test('a listener that throws harms neither the others nor the watch', async (t) => {
  const scene = await Scene.start(t);
  const heard: string[] = [];
  scene.informer.subscribe(() => {
    throw new TypeError('bad listener');
  });
  const end = scene.informer.subscribe((change) => heard.push(change.object.metadata.name));
  await scene.until(() => scene.watches.length === 1);
  scene.send('ADDED', config('a', '11'));
  await scene.until(() => scene.changes.length === 1);
  end();
  scene.send('ADDED', config('b', '12'));
  await scene.until(() => scene.changes.length === 2);
  t.same(heard, ['a']);
  t.equal(scene.watches.length, 1);
});

void t.test('events arrive whole, however the bytes are cut', async (t) => {
  const scene = await Scene.start(t);
  await scene.until(() => scene.watches.length === 1);
  const bytes = Buffer.from(line('ADDED', config('ä€😀', '11')) + line('ADDED', config('b', '12')));
  for (const byte of bytes) {
    scene.watches[0]?.response.write(Buffer.of(byte));
    await new Promise(setImmediate);
  }
  await scene.until(() => scene.changes.length === 2);
  t.same(scene.changes, ['set ä€😀 11', 'set b 12']);
});

void t.test('errors of list and watch are outlasted', async (t) => {
  const scene = await Scene.start(t);
  scene.onWatch = (response, count): void => {
    if (count < 4) sendStatus(response, 500, 'InternalError');
    else if (count === 4) response.end('not json\n');
    else response.writeHead(200).flushHeaders();
  };
  await scene.until(() => scene.watches.length === 5);
  scene.send('ADDED', config('a', '11'));
  await scene.until(() => scene.changes.length === 1);
  t.same(scene.changes, ['set a 11']);
});

void t.test('an informer that is stopped before its list says so', async (t) => {
  const server = await ApiServerFake.start(() => undefined);
  t.teardown(() => server.stop());
  const informer = new Informer<KubernetesObject>({
    client: server.client,
    type: resources.configMaps,
    log: pino({ level: 'silent' }),
  });
  const controller = new AbortController();
  const running = informer.run(controller.signal);
  controller.abort();
  await running;
  await t.rejects(informer.synced, { name: 'AbortError' });
});
