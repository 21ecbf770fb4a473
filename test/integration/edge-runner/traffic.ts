import type { Device } from '../../../hack/lab/device.ts';
import { busyboxImage } from '../../../hack/lab/images.ts';
import type { Container, PodSpec } from '../../../src/kube/api.ts';

/** In a pod: sends over TCP as many bytes as it is asked for, takes whatever comes, and echoes UDP. */
const server = `
require('net').createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => {});
  socket.once('data', (first) => {
    const wanted = Number(/^GET (\\d+)\\n/.exec(first)?.[1] ?? 0);
    if (wanted > 0) socket.end(Buffer.alloc(wanted));
  });
  socket.on('end', () => socket.writableEnded || socket.end('done'));
  socket.resume();
}).listen(8080, '::');
const udp = require('dgram').createSocket('udp6');
udp.on('message', (text, { port, address }) => udp.send(text, port, address)).bind(5353, '::');
`;

/** The pod that serves, with the ports of its container. The image has no UDP server, so it is the machine's Node. */
export function trafficPod(
  ports: Container['ports'] = [],
): Pick<PodSpec, 'containers' | 'volumes'> {
  return {
    containers: [
      {
        ...{ name: 'main', image: busyboxImage, ports },
        command: ['chroot', '/machine', process.execPath, '-e', server],
        volumeMounts: [{ name: 'machine', mountPath: '/machine' }],
      },
    ],
    volumes: [{ name: 'machine', hostPath: { path: '/' } }],
  };
}

const client = `
const [kind, host, port, bytes] = process.argv.slice(1);
const say = (text) => { process.stdout.write(String(text)); process.exit(); };
setTimeout(() => { process.stderr.write('no answer within 60 s'); say(''); }, 60_000);
if (kind === 'echo') {
  const udp = require('dgram').createSocket(host.includes(':') ? 'udp6' : 'udp4');
  udp.on('message', say);
  setInterval(() => udp.send('over udp', Number(port), host), 100);
} else {
  const start = performance.now();
  const socket = require('net').connect(Number(port), host, () => {
    socket.end(kind === 'get' ? 'GET ' + bytes + '\\n' : Buffer.alloc(Number(bytes)));
  });
  let received = 0;
  socket.on('data', (data) => { received += data.length; });
  socket.on('error', (error) => { process.stderr.write(String(error)); say(''); });
  socket.on('end', () => say(received + ' ' + (performance.now() - start)));
}
`;

/** On the device: what came back of a datagram; '' when nothing did. */
export async function echo(device: Device, host: string, port: number): Promise<string> {
  return (await ask(device, 'echo', host, port, 0)).stdout;
}

/**
 * On the device: bytes received from a pod, and how fast either way; nothing when it isn't reached, for
 * the reason that `tell` gets.
 */
export async function transfer(
  device: Device,
  direction: 'get' | 'put',
  target: { host: string; port: number; bytes: number },
  tell?: (why: string) => void,
): Promise<{ received: number; bitsPerSecond: number } | undefined> {
  const { host, port, bytes } = target;
  const { stdout: answer, stderr } = await ask(device, direction, host, port, bytes);
  if (answer === '') {
    tell?.(stderr);
    return undefined;
  }
  const [received = 0, ms = 0] = answer.split(' ').map(Number);
  const carried = direction === 'get' ? received : bytes;
  return { received, bitsPerSecond: (carried * 8000) / ms };
}

async function ask(
  device: Device,
  ...[kind, host, port, bytes]: [string, string, number, number]
): Promise<{ stdout: string; stderr: string }> {
  const args = ['-e', client, kind, host, String(port), String(bytes)];
  return device.run(process.execPath, args);
}
