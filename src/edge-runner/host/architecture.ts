/** Node's names for processors that Go, and so Kubernetes, calls otherwise. */
const goNames: Readonly<Record<string, string>> = {
  x64: 'amd64',
  ia32: '386',
  ppc64: 'ppc64le',
  mipsel: 'mipsle',
};

/** A processor as in the label `kubernetes.io/arch`: `amd64`, `arm64`, `arm` … */
export function goArchitecture(nodeArchitecture: string): string {
  return goNames[nodeArchitecture] ?? nodeArchitecture;
}
