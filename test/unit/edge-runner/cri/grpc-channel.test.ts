import type { ServerHttp2Stream } from 'node:http2';
import t, { type Test } from 'tap';
import { isRuntimeGone } from '../../../../src/edge-runner/cri/cri-error.ts';
import {
  GrpcChannel,
  type CallOptions,
  type GrpcMethod,
} from '../../../../src/edge-runner/cri/grpc-channel.ts';
import { message } from '../../../../src/edge-runner/cri/proto-message.ts';
import { uint32 } from '../../../../src/edge-runner/cri/proto-numbers.ts';
import { string } from '../../../../src/edge-runner/cri/proto-strings.ts';
import {
  answer,
  okHeaders,
  refuse,
  ScriptedServer,
  socketPathFor,
  type Script,
} from './scripted-server.ts';

const Text = message({ text: string(1), number: uint32(2) });

const say: GrpcMethod<
  { text?: string | undefined; number?: number | undefined },
  { text: string }
> = { service: 'test.Service', name: 'Say', request: Text, response: Text };

async function setUp(
  t: Test,
  script: Script,
): Promise<{ channel: GrpcChannel; server: ScriptedServer; socketPath: string }> {
  const socketPath = await socketPathFor(t);
  const server = await ScriptedServer.listen(socketPath, script);
  const channel = new GrpcChannel({ socketPath });
  t.teardown(async () => {
    await channel.close();
    await server.kill().catch(() => undefined);
  });
  return { channel, server, socketPath };
}

function call(channel: GrpcChannel, options?: CallOptions): Promise<{ text: string }> {
  return channel.unary(say, { text: 'hello' }, options);
}

void t.test('sends one framed message and returns one', async (t) => {
  const { channel } = await setUp(t, (stream, headers) => {
    t.match(headers, {
      ':method': 'POST',
      ':path': '/test.Service/Say',
      'content-type': 'application/grpc',
      te: 'trailers',
      'grpc-timeout': '1500m',
      'containerd-namespace': 'k8s.io',
    });
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const frame = Buffer.concat(chunks);
      t.equal(frame.readUInt32BE(1), frame.length - 5);
      answer(stream, [frame.subarray(5)]);
    });
  });
  const metadata = { 'containerd-namespace': 'k8s.io' };
  t.same(await call(channel, { timeoutMs: 1500, metadata }), { text: 'hello', number: 0 });
});

void t.test('reads a status from trailers and from headers alone, percent-encoded', async (t) => {
  let trailersOnly = false;
  const { channel } = await setUp(t, (stream) => {
    const text = 'no such container "x%22%20%E2%82%AC"';
    if (trailersOnly) refuse(stream, 5, text);
    else answer(stream, [], { 'grpc-status': '5', 'grpc-message': text });
  });
  for (trailersOnly of [false, true]) {
    await t.rejects(call(channel), {
      name: 'CriError',
      code: 'NOT_FOUND',
      method: 'Say',
      detail: 'no such container "x" €"',
      answered: true,
    });
  }
});

void t.test('understands a response in pieces of one byte', async (t) => {
  const { channel } = await setUp(t, (stream) => {
    stream.respond(okHeaders, { waitForTrailers: true });
    stream.on('wantTrailers', () => {
      stream.sendTrailers({ 'grpc-status': '0' });
    });
    const body = Text.encode({ text: 'piecemeal', number: 7 });
    const frame = Buffer.from([0, 0, 0, 0, body.length, ...body]);
    const writeNext = (at: number): void => {
      if (at < frame.length)
        stream.write(frame.subarray(at, at + 1), () => {
          writeNext(at + 1);
        });
      else stream.end();
    };
    writeNext(0);
  });
  t.same(await call(channel), { text: 'piecemeal', number: 7 });
});

void t.test(
  'refuses a message whose declared length is over the limit, before it comes',
  async (t) => {
    const { channel } = await setUp(t, (stream) => {
      stream.respond(okHeaders);
      stream.write(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]));
    });
    await t.rejects(call(channel), { code: 'RESOURCE_EXHAUSTED', cause: { code: 'TOO_LARGE' } });
  },
);

void t.test('refuses what it cannot understand', async (t) => {
  const answers: Record<string, (stream: ServerHttp2Stream) => void> = {
    'compressed frame': (stream) => {
      stream.respond(okHeaders);
      stream.write(Buffer.from([1, 0, 0, 0, 0]));
    },
    'malformed message': (stream) => {
      answer(stream, [Buffer.from([0x0a, 0x7f, 0x41])]);
    },
    'no message at all': (stream) => {
      answer(stream, []);
    },
    'half a frame': (stream) => {
      stream.respond(okHeaders, { waitForTrailers: true });
      stream.on('wantTrailers', () => {
        stream.sendTrailers({ 'grpc-status': '0' });
      });
      stream.end(Buffer.from([0, 0, 0, 0, 9, 1]));
    },
  };
  let current = '';
  const { channel } = await setUp(t, (stream) => answers[current]?.(stream));
  for (current of Object.keys(answers)) {
    await t.rejects(call(channel), { name: 'CriError', code: 'INTERNAL' }, current);
  }
});

void t.test('reads a status of HTTP where there is none of gRPC', async (t) => {
  const { channel } = await setUp(t, (stream) => {
    stream.respond({ ':status': 503 }, { endStream: true });
  });
  await t.rejects(call(channel), { code: 'UNAVAILABLE' });
});

void t.test('gives up at the deadline and tells the server', async (t) => {
  const { promise, resolve } = Promise.withResolvers<number>();
  const { channel } = await setUp(t, (stream) => {
    stream.on('close', () => {
      resolve(stream.rstCode);
    });
  });
  await t.rejects(call(channel, { timeoutMs: 30 }), { code: 'DEADLINE_EXCEEDED' });
  t.equal(await promise, 8, 'reset with CANCEL');
});

void t.test('gives up when asked to, with the reason as cause', async (t) => {
  const gone = new AbortController();
  const reason = new Error('pod deleted');
  const { channel } = await setUp(t, () => {
    gone.abort(reason);
  });
  await t.rejects(call(channel, { signal: gone.signal }), { code: 'CANCELLED', cause: reason });
  await t.rejects(call(channel, { signal: gone.signal }), { code: 'CANCELLED', cause: reason });
});

void t.test('says UNAVAILABLE without a server and works again once there is one', async (t) => {
  const socketPath = await socketPathFor(t);
  const channel = new GrpcChannel({ socketPath });
  t.teardown(() => channel.close());
  await t.rejects(call(channel), {
    code: 'UNAVAILABLE',
    cause: { code: 'ENOENT' },
    answered: false,
    message: socketPath,
  });

  const script: Script = (stream) => {
    answer(stream, [Text.encode({ text: 'here' })]);
  };
  const first = await ScriptedServer.listen(socketPath, script);
  t.match(await call(channel), { text: 'here' });
  t.match(await call(channel), { text: 'here' });
  t.equal(first.sessionCount, 1, 'one connection for both');
  await first.kill();
  await t.rejects(call(channel), { code: 'UNAVAILABLE' });

  const second = await ScriptedServer.listen(socketPath, script);
  t.match(await call(channel), { text: 'here' });
  await second.kill();
});

void t.test('tells a server that says UNAVAILABLE from one that is gone', async (t) => {
  const { channel } = await setUp(t, (stream) => {
    refuse(stream, 14, 'the registry answers 503');
  });
  const failure = await call(channel).catch((error: unknown) => error);
  t.match(failure, { code: 'UNAVAILABLE', answered: true });
  t.notMatch(String(failure), /containerd runs/);
  t.notOk(isRuntimeGone(failure));
});

void t.test('fails calls under way when the server dies', async (t) => {
  const { channel, server } = await setUp(t, () => {
    void server.kill();
  });
  const failure = await call(channel).catch((error: unknown) => error);
  t.ok(isRuntimeGone(failure));
});

void t.test('closing fails calls under way and later ones', async (t) => {
  const { channel } = await setUp(t, () => {
    void channel.close();
  });
  await t.rejects(call(channel), { code: 'CANCELLED' });
  await t.rejects(call(channel), { code: 'CANCELLED' });
});

void t.test('refuses a request that does not fit its fields before sending anything', async (t) => {
  const { channel, server } = await setUp(t, () => undefined);
  await t.rejects(channel.unary(say, { number: -1 }), { code: 'INVALID_ARGUMENT' });
  t.equal(server.sessionCount, 0);
});

void t.test('streams messages to a slow reader without keeping them all', async (t) => {
  const total = 20_000;
  let written = 0;
  const { channel } = await setUp(t, (stream) => {
    stream.respond(okHeaders, { waitForTrailers: true });
    stream.on('wantTrailers', () => {
      stream.sendTrailers({ 'grpc-status': '0' });
    });
    const body = Text.encode({ text: 'x'.repeat(90) });
    const frame = Buffer.from([0, 0, 0, 0, body.length, ...body]);
    const writeMore = (): void => {
      while (written < total) {
        written += 1;
        if (!stream.write(frame)) {
          stream.once('drain', writeMore);
          return;
        }
      }
      stream.end();
    };
    writeMore();
  });
  let read = 0;
  for await (const { text } of channel.serverStream(say, {})) {
    if (text.length === 90) read += 1;
    if (read === 100) t.ok(written < total / 2, `held back after ${written}`);
    if (read % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  t.equal(read, total);
});

void t.test('a stream that ends badly gives what came, then the error', async (t) => {
  const { channel } = await setUp(t, (stream) => {
    answer(stream, [Text.encode({ text: 'one' }), Text.encode({ text: 'two' })], {
      'grpc-status': '14',
      'grpc-message': 'shutting down',
    });
  });
  const seen: string[] = [];
  await t.rejects(
    async () => {
      for await (const { text } of channel.serverStream(say, {})) seen.push(text);
    },
    { code: 'UNAVAILABLE', detail: 'shutting down' },
  );
  t.same(seen, ['one', 'two']);
});

void t.test('leaving a stream cancels it', async (t) => {
  const { promise, resolve } = Promise.withResolvers<number>();
  const { channel } = await setUp(t, (stream) => {
    stream.on('close', () => {
      resolve(stream.rstCode);
    });
    stream.respond(okHeaders);
    stream.write(Buffer.from([0, 0, 0, 0, 0]));
  });
  for await (const { text } of channel.serverStream(say, {})) {
    t.equal(text, '');
    break;
  }
  t.equal(await promise, 8);
});
