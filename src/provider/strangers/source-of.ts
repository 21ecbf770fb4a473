import { isIP } from 'node:net';

/**
 * Whom an address stands for when connections are counted: an IPv4 address for itself, an IPv6 one for
 * its /64, which is what one customer has at least (RFC 6177).
 */
export function sourceOf(address: string | undefined): string {
  const [bare = ''] = (address ?? '').split('%');
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1];
  if (mapped !== undefined) return mapped;
  return isIP(bare) === 6 ? `${firstGroups(bare)}::/64` : bare;
}

function firstGroups(address: string): string {
  const [head = '', tail] = address.split('::');
  const groups = groupsOf(head);
  if (tail !== undefined) {
    const last = groupsOf(tail);
    const missing = 8 - groups.length - last.length;
    groups.push(...Array.from({ length: missing }, () => '0'), ...last);
  }
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}

/** The 16-bit groups of a part; an IPv4 address at the end is two of them. */
function groupsOf(part: string): string[] {
  if (part === '') return [];
  return part.split(':').flatMap((group) => (group.includes('.') ? ['0', '0'] : [group]));
}
