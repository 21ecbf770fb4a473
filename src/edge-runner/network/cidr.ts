import { BlockList, isIP } from 'node:net';

/** A range of IPv4 addresses as numbers, both ends included. */
export interface Range4 {
  readonly first: number;
  readonly last: number;
}

/** Whether a text is a range of addresses that pods can be given: `10.1.2.0/24`, `fd00:1::/64`, without a zone. */
export function isPodCidr(text: string): boolean {
  const [, address = '', bits = ''] = /^([^/%]+)\/(\d{1,3})$/.exec(text) ?? [];
  const family = isIP(address);
  const [shortest, longest] = family === 4 ? [8, 30] : [32, 126];
  return family !== 0 && Number(bits) >= shortest && Number(bits) <= longest;
}

/** The addresses of an IPv4 CIDR that is known to be one. */
export function range4(cidr: string): Range4 {
  const [address = '', bits = ''] = cidr.split('/');
  const size = 2 ** (32 - Number(bits));
  const number = address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
  const first = Math.floor(number / size) * size;
  return { first, last: first + size - 1 };
}

export function overlap(a: Range4, b: Range4): boolean {
  return a.first <= b.last && b.first <= a.last;
}

/** Whether an address, in any form that `isIP` takes, is in a range that is known to be one. */
export function contains(cidr: string, address: string): boolean {
  const first = addressIn(cidr);
  if (isIP(first) !== isIP(address)) return false;
  const family = isIP(first) === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(first, bitsIn(cidr), family);
  return list.check(address, family);
}

/** Whether all of another range is in a range. */
export function covers(cidr: string, other: string): boolean {
  return bitsIn(other) >= bitsIn(cidr) && contains(cidr, addressIn(other));
}

/** Whether two ranges have an address in common: then the one is in the other. */
export function intersect(a: string, b: string): boolean {
  return covers(a, b) || covers(b, a);
}

/** That of a CIDR. */
export function addressIn(cidr: string): string {
  return cidr.slice(0, cidr.indexOf('/'));
}

function bitsIn(cidr: string): number {
  return Number(cidr.slice(cidr.indexOf('/') + 1));
}
