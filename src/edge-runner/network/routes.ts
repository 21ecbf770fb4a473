import type { Range4 } from './cidr.ts';

/** A route of the kernel's main table. */
export interface Route {
  readonly device: string;
  readonly cidr: string;
  readonly isDefault: boolean;
  /** `''` where what it leads to is on the link. */
  readonly gateway: string;
}

export interface Route4 extends Route {
  readonly range: Range4;
}

/** The IPv4 routes in `/proc/net/route`: addresses are in hexadecimal, the last byte first. */
export function routesIn(text: string): Route4[] {
  return Array.from(
    text.matchAll(/^(\S+)\t([0-9A-F]{8})\t([0-9A-F]{8})\t(?:\S+\t){4}([0-9A-F]{8})/gm),
    ([, device = '', destination = '', gateway = '', mask = '']) => {
      const first = bytesOf(destination).readUInt32LE();
      const size = 2 ** 32 - bytesOf(mask).readUInt32LE();
      return {
        ...{ device, range: { first, last: first + size - 1 } },
        cidr: `${dotted(destination)}/${32 - Math.log2(size)}`,
        ...{ isDefault: size === 2 ** 32, gateway: /[^0]/.test(gateway) ? dotted(gateway) : '' },
      };
    },
  );
}

/** The IPv6 routes in `/proc/net/ipv6_route` that lead anywhere but to the device itself. */
export function routes6In(text: string): Route[] {
  return Array.from(
    text.matchAll(
      /^([0-9a-f]{32}) ([0-9a-f]{2}) [0-9a-f]{32} 00 ([0-9a-f]{32}) (?:[0-9a-f]{8} ){4}\s*(\S+)/gm,
    ),
    ([, destination = '', bits = '', gateway = '', device = '']) => ({
      ...{ device, cidr: `${colons(destination)}/${Number.parseInt(bits, 16)}` },
      isDefault: bits === '00',
      gateway: /[^0]/.test(gateway) ? colons(gateway) : '',
    }),
  ).filter(({ device }) => device !== 'lo');
}

function bytesOf(hexadecimal: string): Buffer {
  return Buffer.from(hexadecimal, 'hex');
}

function dotted(backwards: string): string {
  return bytesOf(backwards).reverse().join('.');
}

function colons(hexadecimal: string): string {
  return hexadecimal.replace(/(?<=^(?:.{4})+)(?=.)/g, ':');
}
