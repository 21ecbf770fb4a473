import type { Upgrade } from '../../protocol/stream-head.ts';

/** What an upgrade is made of; anything else, say a length or another host, has no business there. */
const passedHeader = /^(connection|upgrade|x-stream-protocol-version|sec-websocket-[a-z]+)$/i;

/** The request for the runtime's streaming server: its own URL, the client's method and protocols. */
export function upgradeRequest(upgrade: Upgrade, url: URL): string {
  const lines = upgrade.headers
    .filter(([name, value]) => passedHeader.test(name) && !/[\r\n\0]/.test(value))
    .map(([name, value]) => `${name}: ${value}`);
  const start = `${upgrade.method} ${url.pathname}${url.search} HTTP/1.1`;
  return [start, `Host: ${url.host}`, ...lines, '', ''].join('\r\n');
}
