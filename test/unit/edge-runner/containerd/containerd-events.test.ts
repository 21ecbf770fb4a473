import type { ServerHttp2Stream } from 'node:http2';
import t, { type Test } from 'tap';
import type { ContainerdEvent } from '../../../../src/edge-runner/containerd/containerd-event.ts';
import { ContainerdEvents } from '../../../../src/edge-runner/containerd/containerd-events.ts';
import {
  Envelope,
  PublishRequest,
  SubscribeRequest,
  TaskNotice,
} from '../../../../src/edge-runner/containerd/event-messages.ts';
import { encodeFrame } from '../../../../src/edge-runner/cri/grpc-frames.ts';
import { GrpcChannel } from '../../../../src/edge-runner/cri/grpc-channel.ts';
import {
  answer,
  okHeaders,
  refuse,
  ScriptedServer,
  socketPathFor,
} from '../cri/scripted-server.ts';

/** An event service with one subscriber, as a test wants it. */
interface Script {
  onSubscribe?(stream: ServerHttp2Stream, filters: string[]): void;
  onPublish?(topic: string, subscriber: ServerHttp2Stream, publish: ServerHttp2Stream): void;
}

const eventsPath = '/containerd.services.events.v1.Events';

async function serve(t: Test, script: Script): Promise<ContainerdEvents> {
  const socketPath = await socketPathFor(t);
  let subscriber: ServerHttp2Stream | undefined;
  const server = await ScriptedServer.listen(socketPath, (stream, headers) => {
    t.equal(headers['containerd-namespace'], 'k8s.io');
    const body: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => body.push(chunk));
    stream.on('end', () => {
      const request = Buffer.concat(body).subarray(5);
      if (headers[':path'] === `${eventsPath}/Subscribe`) {
        subscriber = stream;
        stream.respond(okHeaders, { waitForTrailers: true });
        stream.on('wantTrailers', () => {
          stream.sendTrailers({ 'grpc-status': '0' });
        });
        script.onSubscribe?.(stream, SubscribeRequest.decode(request).filters);
      } else if (subscriber === undefined) {
        answer(stream, [Buffer.alloc(0)]);
      } else {
        (script.onPublish ?? echo)(PublishRequest.decode(request).topic, subscriber, stream);
      }
    });
  });
  const channel = new GrpcChannel({ socketPath });
  t.teardown(async () => {
    await channel.close();
    await server.kill();
  });
  return new ContainerdEvents(channel);
}

function echo(topic: string, subscriber: ServerHttp2Stream, publish: ServerHttp2Stream): void {
  send(subscriber, topic);
  answer(publish, [Buffer.alloc(0)]);
}

function send(
  subscriber: ServerHttp2Stream,
  topic: string,
  value: Uint8Array = new Uint8Array(0),
): void {
  const envelope = Envelope.encode({ topic, namespace: 'k8s.io', event: { value } });
  subscriber.write(encodeFrame(envelope));
}

const oom = TaskNotice.encode({ containerId: 'c' });

async function collect(events: ContainerdEvents, count: number): Promise<ContainerdEvent[]> {
  const stop = new AbortController();
  const seen: ContainerdEvent[] = [];
  for await (const event of events.subscribe({ signal: stop.signal })) {
    seen.push(event);
    if (seen.length === count) stop.abort();
  }
  return seen;
}

void t.test('marks where the subscription begins, and shows nothing from before', async (t) => {
  let published = 0;
  const events = await serve(t, {
    onSubscribe(stream, filters) {
      t.ok(filters.every((filter) => filter.startsWith('namespace=="k8s.io",')));
      send(stream, '/tasks/oom', oom);
    },
    onPublish(topic, subscriber, publish) {
      published += 1;
      if (published < 3) {
        answer(publish, [Buffer.alloc(0)]);
        return;
      }
      echo(topic, subscriber, publish);
      send(subscriber, topic);
      send(subscriber, '/tasks/oom', oom);
    },
  });
  const seen = await collect(events, 2);
  t.match(seen, [{ type: 'subscribed' }, { type: 'task-oom', containerId: 'c' }]);
  t.equal(published, 3, 'the mark was sent until it came back');
});

void t.test('an orderly end of the stream is a loss too', async (t) => {
  const events = await serve(t, {
    onPublish(topic, subscriber, publish) {
      echo(topic, subscriber, publish);
      subscriber.end();
    },
  });
  await t.rejects(collect(events, 9), { name: 'CriError', code: 'UNAVAILABLE' });
});

void t.test('a payload that cannot be read is an error', async (t) => {
  const events = await serve(t, {
    onPublish(topic, subscriber, publish) {
      echo(topic, subscriber, publish);
      send(subscriber, '/tasks/oom', Buffer.from([0x0a, 0x7f]));
    },
  });
  await t.rejects(collect(events, 9), { name: 'CriError', code: 'INTERNAL', detail: '/tasks/oom' });
});

void t.test('without the right to publish there is no subscription', async (t) => {
  const events = await serve(t, {
    onPublish(_, __, publish) {
      refuse(publish, 7, 'not you');
    },
  });
  await t.rejects(collect(events, 9), {
    name: 'CriError',
    code: 'PERMISSION_DENIED',
    method: 'Publish',
  });
});

void t.test('leaving the loop ends the stream', async (t) => {
  const { promise, resolve } = Promise.withResolvers<number>();
  const events = await serve(t, {
    onSubscribe(stream) {
      stream.on('close', () => {
        resolve(stream.rstCode);
      });
    },
  });
  for await (const event of events.subscribe({ signal: new AbortController().signal })) {
    t.equal(event.type, 'subscribed');
    break;
  }
  t.equal(await promise, 8, 'reset with CANCEL');
});

void t.test('without containerd it says so', async (t) => {
  const channel = new GrpcChannel({ socketPath: await socketPathFor(t) });
  await t.rejects(collect(new ContainerdEvents(channel), 1), { code: 'UNAVAILABLE' });
});
