import pino from 'pino';
import t from 'tap';
import type { Node, NodeStatus } from '../../../../src/kube/api.ts';
import type { Site } from '../../../../src/kube/site.ts';
import { KubeApiError } from '../../../../src/provider/kube-client/kube-api-error.ts';
import type { KubeClient } from '../../../../src/provider/kube-client/kube-client.ts';
import { NodeController } from '../../../../src/provider/node/node-controller.ts';
import { SiteDirectory } from '../../../../src/provider/site/site-directory.ts';
import type { LinkState } from '../../../../src/provider/site/site-registry.ts';
import type { NodeReport } from '../../../../src/protocol/report.ts';
import { CacheFake } from '../desired/desired-fixture.ts';

const nodeName = 'berlin.prod';
const site: Site = { metadata: { name: 'berlin', namespace: 'prod', uid: 'site-uid' } };

const report: NodeReport = {
  capacity: { cpu: '4' },
  allocatable: { cpu: '4' },
  nodeInfo: {
    ...{ machineID: '', systemUUID: '', bootID: '', kernelVersion: '', osImage: '' },
    ...{ containerRuntimeVersion: '', operatingSystem: 'linux', architecture: 'arm64' },
  },
  conditions: [],
  addresses: [],
  hostname: 'device',
  runnerVersion: '0.1.0',
};

/** A cluster with one Site, and the controller of its Node. */
class Scene {
  readonly nodes = new CacheFake<Node>();
  readonly sites = new CacheFake<Site>();
  readonly calls: string[] = [];
  readonly ports: string[] = [];
  readonly forgotten: string[] = [];
  taken = 0;
  readonly invalid: string[] = [];
  readonly events: string[] = [];
  link: LinkState = 'connected';
  /** Another writer's change is seen before the answer to a write comes. */
  overtaken = false;
  /** A field of a Node's status that this API server drops. */
  droppedField: string | undefined;
  /** What this API server keeps of a Node's status. */
  known = (status: NodeStatus): NodeStatus => status;
  /** A Node that the selector of the watch doesn't show. */
  hidden: Node | undefined;
  readonly controller: NodeController;
  readonly #linkListeners: ((name: string) => void)[] = [];
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #version = 1;

  constructor(apiMinor = 20) {
    this.sites.set(site);
    this.controller = new NodeController({
      client: {
        get: (() => Promise.resolve(this.hidden)) as unknown as KubeClient['get'],
        create: this.#create.bind(this) as KubeClient['create'],
        patch: this.#patch.bind(this) as KubeClient['patch'],
        delete: this.#delete.bind(this),
      },
      nodes: this.nodes,
      sites: new SiteDirectory(this.sites),
      registry: {
        linkState: () => this.link,
        lastSeenMs: () => undefined,
        forget: (name) => this.forgotten.push(name),
        subscribe: (listener) => {
          this.#linkListeners.push(listener);
          return () => undefined;
        },
      },
      ports: {
        open: (name, preferred) => {
          this.ports.push(`open ${name} ${preferred ?? 'any'}`);
          return Promise.resolve(preferred ?? 10_350);
        },
        close: (name) => {
          this.ports.push(`close ${name}`);
          return Promise.resolve();
        },
      },
      facts: {
        ...{ address: '10.0.0.1', kubeletVersion: 'v1.20.0-towline.0.1.0' },
        apiMinor,
      },
      onPort: () => undefined,
      onNameTaken: () => (this.taken += 1),
      onInvalidSite: (_site, message) => this.invalid.push(message),
      onEvent: (node, { reason }) => this.events.push(`${node.metadata.name} ${reason}`),
      log: pino({ level: 'silent' }),
    });
    this.#running = this.controller.run(this.#stop.signal);
  }

  get node(): Node | undefined {
    return this.nodes.get(undefined, nodeName);
  }

  ready(): string | undefined {
    const condition = this.node?.status?.conditions?.find(({ type }) => type === 'Ready');
    return condition && `${condition.status} ${condition.reason ?? ''}`;
  }

  async setLink(link: LinkState): Promise<void> {
    this.link = link;
    for (const listener of this.#linkListeners) listener(nodeName);
    await rounds();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  #create(_type: unknown, object: Node): Promise<Node> {
    this.calls.push('create');
    if (isInvalid(object)) return Promise.reject(new KubeApiError('INVALID', 'bad label'));
    if (this.hidden !== undefined) return Promise.reject(new KubeApiError('ALREADY_EXISTS', 'x'));
    return Promise.resolve(this.#store(object));
  }

  #patch(
    _type: unknown,
    _ref: unknown,
    patch: Partial<Node>,
    options: { subresource?: string },
  ): Promise<Node> {
    // Writes that feed themselves would leave the test no turn.
    if (this.calls.length > 50) return Promise.reject(new KubeApiError('UNREACHABLE', 'enough'));
    this.calls.push(`patch ${options.subresource ?? 'node'}`);
    if (isInvalid(patch)) return Promise.reject(new KubeApiError('INVALID', 'bad label'));
    const node = this.node ?? this.hidden;
    if (node === undefined) return Promise.reject(new KubeApiError('NOT_FOUND', 'x'));
    const based = patch.metadata?.resourceVersion ?? node.metadata.resourceVersion;
    if (based !== node.metadata.resourceVersion) {
      return Promise.reject(new KubeApiError('CONFLICT', 'the object has been modified'));
    }
    const labels = { ...node.metadata.labels, ...patch.metadata?.labels };
    const metadata = { ...node.metadata, ...patch.metadata, labels };
    const all = { ...node.status, ...patch.status };
    const kept = Object.entries(all).filter(([field]) => field !== this.droppedField);
    const status = this.known(Object.fromEntries(kept));
    this.hidden = undefined;
    const patched = this.#store({ ...node, ...patch, metadata, status });
    if (this.overtaken) this.#store(patched);
    return Promise.resolve(patched);
  }

  #delete(): Promise<void> {
    this.calls.push('delete');
    if (this.node !== undefined) this.nodes.delete(this.node);
    return Promise.resolve();
  }

  #store(object: Node): Node {
    this.#version += 1;
    const metadata = {
      ...object.metadata,
      uid: 'node-uid',
      resourceVersion: String(this.#version),
    };
    const node = { ...object, metadata };
    this.nodes.set(node);
    return node;
  }
}

function isInvalid(node: Partial<Node>): boolean {
  return node.metadata?.labels?.['bad label'] !== undefined;
}

async function rounds(): Promise<void> {
  for (let i = 0; i < 5; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

void t.test('a site has a node from its first report on, and a claim on its pods', async (t) => {
  const scene = new Scene();
  let exists = false;
  const { signal } = new AbortController();
  const waiting = scene.controller.exists(nodeName, signal).then((answer) => (exists = answer));
  await rounds();
  t.same(scene.calls, []);
  t.equal(exists, false);
  await scene.controller.report(nodeName, report);
  t.equal(await waiting, true);
  t.equal(await scene.controller.exists(nodeName, signal), true);
  t.equal(scene.ready(), 'True KubeletReady');
  t.same(scene.calls, ['create']);
  await scene.stop();
});

void t.test('a field that the API server drops is not sent for ever', async (t) => {
  const scene = new Scene(36);
  await scene.controller.report(nodeName, report);
  scene.droppedField = 'declaredFeatures';
  const declaring = { ...report, features: ['Some'] };
  void scene.controller.report(nodeName, declaring);
  await rounds();
  t.same(scene.calls, ['create', 'patch status']);
  const touch = async (): Promise<void> => {
    if (scene.node !== undefined) scene.nodes.set(scene.node);
    await rounds();
  };
  await touch();
  void scene.controller.report(nodeName, declaring);
  await rounds();
  t.same(scene.calls, ['create', 'patch status'], 'neither by a change nor by a report');
  scene.droppedField = undefined;
  void scene.controller.report(nodeName, { ...declaring, capacity: { cpu: '8' } });
  await rounds();
  t.same(scene.node?.status?.declaredFeatures, ['Some'], 'and with whatever else is due, it is');
  await scene.stop();
});

void t.test('a field of which the API server drops a part is not sent for ever', async (t) => {
  const scene = new Scene(31);
  await scene.controller.report(nodeName, report);
  scene.known = (status) => ({ ...status, runtimeHandlers: [{ features: {} }] });
  const handlers = [{ name: '', recursiveReadOnlyMounts: true, userNamespaces: true }];
  void scene.controller.report(nodeName, { ...report, runtimeHandlers: handlers });
  await rounds();
  t.same(scene.calls, ['create', 'patch status']);
  void scene.controller.report(nodeName, { ...report, runtimeHandlers: handlers });
  await rounds();
  t.same(scene.calls, ['create', 'patch status']);
  await scene.stop();
});

void t.test(
  'a lost site’s node says when it was last seen, also by an earlier provider',
  async (t) => {
    const scene = new Scene();
    await scene.controller.report(nodeName, report);
    scene.sites.set({ ...site, status: { lastSeen: '2026-01-01T00:00:00Z' } });
    await scene.setLink('lost');
    const ready = scene.node?.status?.conditions?.find(({ type }) => type === 'Ready');
    t.match(ready?.message, /last seen at 2026-01-01T00:00:00Z/);
    await scene.stop();
  },
);

void t.test('who waits for a node that never comes can give up', async (t) => {
  const scene = new Scene();
  const gone = new AbortController();
  const waiting = scene.controller.exists(nodeName, gone.signal);
  gone.abort();
  t.equal(await waiting, false);
  t.equal(await scene.controller.exists(nodeName, gone.signal), false);
  await scene.stop();
});

void t.test('a lost site is said so, and back at once when it connects', async (t) => {
  const scene = new Scene();
  await scene.controller.report(nodeName, report);
  await scene.setLink('away');
  t.equal(scene.ready(), 'True KubeletReady');
  t.ok(scene.controller.nodeToRenew(nodeName));
  await scene.setLink('lost');
  t.equal(scene.ready(), 'Unknown SiteDisconnected');
  t.equal(scene.controller.nodeToRenew(nodeName), undefined);
  t.same(scene.events, []);
  await scene.setLink('connected');
  t.equal(scene.ready(), 'True KubeletReady');
  t.ok(scene.events.includes(`${nodeName} NodeReady`), 'and it is told');
  await scene.stop();
});

void t.test('a restart leaves a lost site’s lease alone', async (t) => {
  const scene = new Scene();
  await scene.controller.report(nodeName, report);
  await scene.setLink('lost');
  scene.link = 'away';
  t.equal(scene.controller.nodeToRenew(nodeName), undefined);
  await scene.stop();
});

void t.test('a node that somebody deletes is made again', async (t) => {
  const scene = new Scene();
  await scene.controller.report(nodeName, report);
  const { node } = scene;
  if (node !== undefined) scene.nodes.delete(node);
  await rounds();
  t.ok(scene.node);
  t.same(scene.calls, ['create', 'create']);
  await scene.stop();
});

void t.test('and not before the site is back when it was away', async (t) => {
  const scene = new Scene();
  await scene.controller.report(nodeName, report);
  await scene.setLink('lost');
  const { node } = scene;
  if (node !== undefined) scene.nodes.delete(node);
  await rounds();
  t.equal(scene.node, undefined, 'nobody can say that it is ready');
  await scene.setLink('connected');
  t.equal(scene.ready(), 'True KubeletReady');
  await scene.stop();
});

void t.test('with its Site a node goes, and the connection and the port with it', async (t) => {
  const scene = new Scene();
  await scene.controller.report(nodeName, report);
  scene.sites.delete(site);
  await rounds();
  t.equal(scene.node, undefined);
  t.same(scene.forgotten.includes(nodeName), true);
  t.equal(scene.ports.at(-1), `close ${nodeName}`);
  t.equal(scene.calls.at(-1), 'delete');
  await scene.stop();
});

void t.test('a machine that has the name is left alone, and the site gets no claim', async (t) => {
  const scene = new Scene();
  scene.hidden = { metadata: { name: nodeName } };
  await scene.controller.report(nodeName, report);
  t.equal(scene.taken, 1);
  t.same(scene.calls, ['create']);
  t.equal(scene.controller.nodeOf(nodeName), undefined);
  scene.nodes.set({ metadata: { name: nodeName, labels: { 'towline.dev/site': 'other' } } });
  t.equal(scene.controller.nodeOf(nodeName), undefined);
  await scene.stop();
});

void t.test('a node that lost its labels is known by its annotation', async (t) => {
  const scene = new Scene();
  scene.hidden = { metadata: { name: nodeName, annotations: { 'towline.dev/managed': '{}' } } };
  await scene.controller.report(nodeName, report);
  t.equal(scene.taken, 0);
  t.ok(scene.controller.nodeOf(nodeName));
  await scene.stop();
});

void t.test('the port is the one that the Site remembers', async (t) => {
  const scene = new Scene();
  scene.sites.set({ ...site, status: { kubeletPort: 12_345 } });
  await scene.controller.report(nodeName, report);
  t.equal(scene.node?.status?.daemonEndpoints?.kubeletEndpoint?.Port, 12_345);
  await scene.stop();
});

void t.test(
  'labels that no node can have are told of, and keep nothing else from it',
  async (t) => {
    const scene = new Scene();
    const spoilt = { ...site, spec: { nodeLabels: { 'bad label': 'x' } } };
    scene.sites.set(spoilt);
    await scene.controller.report(nodeName, report);
    t.equal(scene.ready(), 'True KubeletReady');
    t.match(scene.invalid, ['bad label']);
    await scene.setLink('lost');
    t.equal(scene.ready(), 'Unknown SiteDisconnected');
    await scene.stop();
  },
);

void t.test('a node is changed as it is, though an answer comes late', async (t) => {
  const scene = new Scene();
  await scene.controller.report(nodeName, report);
  scene.overtaken = true;
  await scene.setLink('lost');
  scene.sites.set({ ...site, spec: { nodeLabels: { good: 'yes' } } });
  await rounds();
  t.equal(scene.node?.metadata.labels?.['good'], 'yes');
  await scene.stop();
});
