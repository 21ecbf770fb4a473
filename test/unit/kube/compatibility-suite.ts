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
| sig-storage, \`[NodeConformance]\` | 92 | 88 | 4 |

Each spec counts by its last run. Seven had failed before: four by faults that the run found and that are
mended, two by a busybox that drops variables with a dash, one by \`Keep\` (see below). Those that failed in the end:

- *PrivilegedPod should enable privileged commands* makes a network link of a kind that the machine's
  kernel did not have.
- *ImageVolume should succeed with pod and pull policy of Always* needs a runtime with image volumes.
- *Downward API volume* and *Projected downwardAPI should update labels / annotations on modification*
  failed because such changes did not reach the volumes of a running pod. That is mended, and tested
  here; these four were not run again.

*issue 500 podspec updates …* passes where the Site says \`disconnection: {policy: Evict}\`. Under \`Keep\` a pod that is
  30 s old has its tolerations changed once, which is one generation more than that spec counts.

Of sig-network nothing was run, nor of the parts of the suite that ask for no node.
`;
