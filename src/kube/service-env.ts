/** What a pod's environment says of a Service. */
export interface ServiceLink {
  name: string;
  clusterIP: string;
  ports: ServiceLinkPort[];
}

export interface ServiceLinkPort {
  name?: string;
  port: number;
  protocol?: string;
}

/**
 * Variables that lead to Services: `WEB_SERVICE_HOST`, `WEB_SERVICE_PORT` and those that Docker's
 * links had.
 * Source: kubelet, pkg/kubelet/envvars.
 */
export function serviceVariables(services: readonly ServiceLink[]): Record<string, string> {
  return Object.assign({}, ...services.map(variablesOf)) as Record<string, string>;
}

function variablesOf({ name, clusterIP, ports }: ServiceLink): Record<string, string> {
  const prefix = variableName(name);
  const variables: Record<string, string> = { [`${prefix}_SERVICE_HOST`]: clusterIP };
  for (const [place, port] of ports.entries()) {
    const protocol = port.protocol ?? 'TCP';
    const url = `${protocol.toLowerCase()}://${hostPort(clusterIP, port.port)}`;
    if (place === 0) {
      variables[`${prefix}_SERVICE_PORT`] = String(port.port);
      variables[`${prefix}_PORT`] = url;
    }
    if (port.name !== undefined && port.name !== '') {
      variables[`${prefix}_SERVICE_PORT_${variableName(port.name)}`] = String(port.port);
    }
    const link = `${prefix}_PORT_${port.port}_${protocol.toUpperCase()}`;
    variables[link] = url;
    variables[`${link}_PROTO`] = protocol.toLowerCase();
    variables[`${link}_PORT`] = String(port.port);
    variables[`${link}_ADDR`] = clusterIP;
  }
  return variables;
}

function variableName(name: string): string {
  return name.toUpperCase().replaceAll('-', '_');
}

function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
