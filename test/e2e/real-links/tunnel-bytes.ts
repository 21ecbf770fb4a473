import type { Device } from '../../../hack/lab/device.ts';
import { tunnelPort } from '../../../hack/lab/towline.ts';

/** Bytes that a device's connections to the provider have carried both ways, TLS included, by local port. */
export async function tunnelBytes(device: Device): Promise<Map<number, number>> {
  const { stdout } = await device.run('ss', ['-tinOH', 'dport', '=', `:${tunnelPort}`]);
  const lines = stdout.split('\n').filter((line) => line !== '');
  return new Map(
    lines.map((line) => {
      const count = (name: string): number => {
        const found = new RegExp(`\\b${name}:(\\d+)`).exec(line)?.[1];
        if (found === undefined) throw new RangeError(`no ${name} in: ${line}`);
        return Number(found);
      };
      const port = /:(\d+) +[\d.]+:\d+ /.exec(line)?.[1];
      return [Number(port), count('bytes_sent') + count('bytes_received')];
    }),
  );
}

/** Those of the tunnel, which must be the only connection. */
export async function onlyTunnelBytes(device: Device): Promise<number> {
  const [bytes, ...more] = (await tunnelBytes(device)).values();
  if (bytes === undefined || more.length > 0)
    throw new RangeError(`not one but ${more.length + 1}`);
  return bytes;
}
