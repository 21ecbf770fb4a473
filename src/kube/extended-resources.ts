/**
 * Whether a resource is one that only a cluster or a device plugin knows, as `example.com/dongle`.
 * Source: k8s.io/component-helpers, IsExtendedResourceName; what the API server let through is a proper name.
 */
export function isExtendedResource(name: string): boolean {
  return name.includes('/') && !name.includes('kubernetes.io/') && !name.startsWith('requests.');
}

/** Those of a list of quantities. */
export function extendedResources(
  quantities: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(quantities ?? {}).filter(([name]) => isExtendedResource(name)),
  );
}

/** The others. */
export function withoutExtended(
  quantities: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(quantities).filter(([name]) => !isExtendedResource(name)),
  );
}
