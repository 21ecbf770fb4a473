/**
 * What a request needs permission for: a verb on subresources of the node, any one of which is
 * enough.
 */
export interface RequestAttributes {
  verb: string;
  subresources: readonly string[];
}

/**
 * The attributes of a request, from its method and decoded path.
 * Source: "Kubelet authentication/authorization", with its fine-grained subresources. One thing is
 * stricter: a command, an attachment or a forwarded port needs `create`, whatever the method. A
 * kubelet asks `get` for a WebSocket, which makes of `get nodes/proxy`, a right that is given for
 * reading, the right to run commands in every container.
 * @returns undefined for a method that has no verb.
 */
export function requestAttributes(method: string, path: string): RequestAttributes | undefined {
  const verb = actsInContainer(path) ? 'create' : verbs[method];
  return verb === undefined ? undefined : { verb, subresources: subresourcesOf(path) };
}

const verbs: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** Compared without case: whatever the router takes for one of these must not need less. */
function actsInContainer(path: string): boolean {
  const lowerCase = path.toLowerCase();
  return ['/exec', '/attach', '/portforward', '/run'].some((root) => isUnder(lowerCase, root));
}

function subresourcesOf(path: string): readonly string[] {
  if (isUnder(path, '/stats')) return ['stats'];
  if (isUnder(path, '/metrics')) return ['metrics'];
  if (isUnder(path, '/logs')) return ['log'];
  if (isUnder(path, '/spec')) return ['spec'];
  if (isUnder(path, '/checkpoint')) return ['checkpoint'];
  if (isUnder(path, '/pods') || isUnder(path, '/runningpods')) return ['pods', 'proxy'];
  if (isUnder(path, '/healthz')) return ['healthz', 'proxy'];
  if (isUnder(path, '/configz')) return ['configz', 'proxy'];
  if (isUnder(path, '/statusz')) return ['statusz', 'proxy'];
  return ['proxy'];
}

function isUnder(path: string, root: string): boolean {
  return path === root || path.startsWith(`${root}/`);
}
