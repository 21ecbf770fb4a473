/** Whether a runtime can make anything of an image's name. */
export function isImageReference(name: string): boolean {
  return referenceProblem(name) === undefined;
}

/**
 * What is wrong with an image's name, in a kubelet's words; undefined when nothing is.
 * Source: kubelet, ParseImageName; reference grammar of the OCI distribution specification.
 */
export function referenceProblem(name: string): string | undefined {
  if (/^[a-f0-9]{64}$/.test(name)) {
    return `invalid repository name (${name}), cannot specify 64-byte hexadecimal strings`;
  }
  const [repository = ''] = remainderOf(name).split(':');
  if (repository !== repository.toLowerCase()) {
    return `invalid reference format: repository name (${repository}) must be lowercase`;
  }
  return imageReference.test(name) ? undefined : 'invalid reference format';
}

/** The name without its registry; what has none of its own is Docker's `library`. */
function remainderOf(name: string): string {
  const slash = name.indexOf('/');
  if (slash < 0) return `library/${name}`;
  const first = name.slice(0, slash);
  return isRegistry(first) ? name.slice(slash + 1) : name;
}

function isRegistry(first: string): boolean {
  return first === 'localhost' || /[.:]/.test(first) || first !== first.toLowerCase();
}

/** With an optional host. */
const imageReference =
  /^(?:[A-Za-z0-9.-]+(?::\d+)?\/|\[[0-9a-fA-F:]+\](?::\d+)?\/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*(?::[\w][\w.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*:[0-9a-fA-F]{32,})?$/;
