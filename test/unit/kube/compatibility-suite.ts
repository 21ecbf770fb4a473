/**
 * What the page says of Kubernetes' own end-to-end suite. The figures are of runs by hand: neither the
 * suite nor its images are part of this repository.
 */
export const upstreamSuite = `## Kubernetes' own end-to-end suite

The suite of Kubernetes 1.36.2 was run on 2026-11-29 against one site whose node has no taint and that
takes pods of every namespace (\`allowedNamespaces: ["*"]\`): control plane 1.36.2, containerd 1.6.20,
runc, cgroup v1. The pod network of the site was routed to the control plane, as the suite asks of a
cluster; there was no proxy for Services and no cluster DNS, and images were imported, not pulled. Specs
that are serial, disruptive or slow, or ask for a feature of their own, were left out.

| specs | run | passed | failed |
| --- | --- | --- | --- |
| sig-node, \`[NodeConformance]\` | 140 | 139 | 1 |
| sig-node, \`[Conformance]\` besides | 31 | 30 | 1 |
| sig-storage, \`[NodeConformance]\` | 92 | 92 | 0 |
| sig-storage, \`[Conformance]\` besides | 19 | 19 | 0 |
| sig-network, as far as it needs no DNS | 29 | 23 | 6 |

Each spec counts by its last run. Eleven had failed before: eight by faults that the runs found and that are
mended, two by a busybox that drops variables with a dash, one by \`Keep\` (see below). Those that failed in the end:

- *PrivilegedPod should enable privileged commands* makes a network link of a kind that the machine's
  kernel did not have.
- *ImageVolume should succeed with pod and pull policy of Always* needs a runtime with image volumes.
- Five of *Services* and *EndpointSlice* reach for the address of a Service, for which there was no proxy.
- *HostPort validates that there is no conflict …* calls from the node's InternalIP, on the node. A site's
  node has the provider's address there, which the device does not.

*issue 500 podspec updates …* passes where the Site says \`disconnection: {policy: Evict}\`. Under \`Keep\` a pod that is
30 s old has its tolerations changed once, which is one generation more than that spec counts.

The parts of the suite that are about the control plane alone were not run.
`;
