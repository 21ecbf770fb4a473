/** The interface of the IPv4 default route with the smallest metric, from `/proc/net/route`. */
export function parseDefaultRoute4(text: string): string | undefined {
  const isUp = 0x1;
  const routes = text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1] === '00000000' && fields[7] === '00000000')
    .filter((fields) => (Number.parseInt(fields[3] ?? '0', 16) & isUp) !== 0)
    .map((fields) => ({ name: fields[0], metric: Number(fields[6]) }));
  return best(routes);
}

/** The interface of the IPv6 default route with the smallest metric, from `/proc/net/ipv6_route`. */
export function parseDefaultRoute6(text: string): string | undefined {
  const nowhere = '0'.repeat(32);
  const routes = text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[0] === nowhere && fields[1] === '00')
    .map((fields) => ({ name: fields[9], metric: Number.parseInt(fields[5] ?? '', 16) }))
    .filter(({ name }) => name !== 'lo');
  return best(routes);
}

function best(routes: { name: string | undefined; metric: number }[]): string | undefined {
  return routes.sort((a, b) => a.metric - b.metric)[0]?.name;
}
