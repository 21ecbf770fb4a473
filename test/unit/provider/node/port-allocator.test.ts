import pino from 'pino';
import t from 'tap';
import { PortAllocator } from '../../../../src/provider/node/port-allocator.ts';

const log = pino({ level: 'silent' });

class InUseError extends Error {
  readonly code = 'PORT_IN_USE';
}

/** Ports of which some are taken by others. */
function listenerFake(taken: number[]): {
  listen: (nodeName: string, port: number) => Promise<number>;
  unlisten: (nodeName: string) => Promise<void>;
  open: Map<string, number>;
} {
  const open = new Map<string, number>();
  return {
    open,
    listen: (nodeName, port) => {
      if (taken.includes(port) || [...open.values()].includes(port)) {
        return Promise.reject(new InUseError());
      }
      open.set(nodeName, port === 0 ? 50_000 + open.size : port);
      return Promise.resolve(open.get(nodeName) ?? 0);
    },
    unlisten: (nodeName) => {
      open.delete(nodeName);
      return Promise.resolve();
    },
  };
}

function allocator(
  taken: number[],
  reserved: number[] = [],
  range = { from: 100, to: 103 },
): { ports: PortAllocator; open: Map<string, number> } {
  const listener = listenerFake(taken);
  const ports = new PortAllocator({ listener, range, reserved: () => reserved, log });
  return { ports, open: listener.open };
}

void t.test('a node has the port that it had before', async (t) => {
  const { ports } = allocator([], [102]);
  t.equal(await ports.open('a', 102), 102);
  t.equal(await ports.open('a', undefined), 102);
});

void t.test(
  'a port that is taken is passed over, and one that a node may want again',
  async (t) => {
    const { ports } = allocator([100], [101]);
    t.equal(await ports.open('a', undefined), 102);
    t.equal(await ports.open('b', 100), 103);
  },
);

void t.test('nodes that open at once get different ports', async (t) => {
  const { ports } = allocator([]);
  const opened = await Promise.all(['a', 'b', 'c'].map((name) => ports.open(name, undefined)));
  t.equal(new Set(opened).size, 3);
});

void t.test('when none is left it says so, and tries again the next time', async (t) => {
  const { ports } = allocator([100, 101, 102, 103]);
  await t.rejects(ports.open('a', undefined), { code: 'NO_PORT_LEFT' });
  await t.rejects(ports.open('a', undefined), { code: 'NO_PORT_LEFT' });
});

void t.test('a port out of the range is not taken again', async (t) => {
  const { ports } = allocator([]);
  t.equal(await ports.open('a', 9999), 100);
});

void t.test('without a range any free port will do', async (t) => {
  const { ports, open } = allocator([], [], { from: 0, to: 0 });
  t.equal(await ports.open('a', undefined), 50_000);
  await ports.close('a');
  t.equal(open.size, 0);
});
