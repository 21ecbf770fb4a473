import type { Range4 } from './cidr.ts';

/** A route of the kernel's main table. */
export interface Route4 {
  readonly device: string;
  readonly range: Range4;
  readonly isDefault: boolean;
  /** As a number; 0 where what it leads to is on the link. */
  readonly gateway: number;
}

/** The IPv4 routes in `/proc/net/route`: addresses are in hexadecimal, the last byte first. */
export function routesIn(text: string): Route4[] {
  return Array.from(
    text.matchAll(/^(\S+)\t([0-9A-F]{8})\t([0-9A-F]{8})\t(?:\S+\t){4}([0-9A-F]{8})/gm),
    ([, device = '', destination = '', gateway = '', mask = '']) => {
      const first = backwards(destination);
      const size = 2 ** 32 - backwards(mask);
      return {
        ...{ device, range: { first, last: first + size - 1 } },
        ...{ isDefault: size === 2 ** 32, gateway: backwards(gateway) },
      };
    },
  );
}

function backwards(hexadecimal: string): number {
  return Buffer.from(hexadecimal, 'hex').readUInt32LE();
}
