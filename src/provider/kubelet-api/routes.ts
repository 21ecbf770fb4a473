import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { checkpointHead, openAction, runHead } from './container-actions.ts';
import { openContainerLog, sendLog } from './container-logs.ts';
import { KubeletApiError } from './kubelet-api-error.ts';
import type { StatsHead } from '../../protocol/stream-head.ts';
import type { NodeDirectory } from './node-directory.ts';
import {
  hostLogHead,
  hostLogType,
  openNodeEndpoint,
  sendNodeBody,
  statsEndpoints,
  statsHead,
} from './node-endpoints.ts';
import { refusalOf } from './refusal.ts';
import { parseTarget, type RequestTarget } from './request-target.ts';
import { parseStreamingRequest } from './streaming-request.ts';

export interface RouteOptions {
  nodes: NodeDirectory;
  /** Lets the request in and names the node that it is for. @throws KubeletApiError */
  admit: (request: IncomingMessage, target: RequestTarget) => Promise<string>;
  log: Logger;
}

/** The plain HTTP part of the kubelet API. Every request passes the gate, those to nowhere too. */
export function addRoutes(app: FastifyInstance, options: RouteOptions): void {
  const { nodes, admit, log } = options;
  const admitted = new WeakMap<IncomingMessage, { nodeName: string; target: RequestTarget }>();
  const visitOf = (request: FastifyRequest): { nodeName: string; target: RequestTarget } => {
    const visit = admitted.get(request.raw);
    if (visit === undefined) throw new KubeletApiError('UNAUTHENTICATED', 'Unauthorized');
    return visit;
  };

  app.addHook('onRequest', async (request) => {
    const target = parseTarget(request.raw.url ?? '');
    admitted.set(request.raw, { target, nodeName: await admit(request.raw, target) });
  });
  // No endpoint takes a body; whatever comes is read and dropped, within the request's time.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume();
    done(null);
  });
  app.setErrorHandler(async (error, _request, reply) => {
    const refusal = refusalOf(asRefusal(error), log);
    await sendText(reply, refusal.status, refusal.message);
  });
  app.setNotFoundHandler(async (_request, reply) => {
    await sendText(reply, 404, '404: Page Not Found');
  });

  const serveStats = async (
    request: FastifyRequest,
    reply: FastifyReply,
    path: StatsHead['path'],
  ): Promise<void> => {
    const { nodeName, target } = visitOf(request);
    const head = statsHead(path, target.query);
    const body = await openNodeEndpoint(nodes, nodeName, head, goneSignal(reply.raw));
    reply.hijack();
    const contentType = statsEndpoints[path];
    await sendNodeBody(body, reply.raw, { contentType, log: log.child({ node: nodeName, path }) });
  };
  for (const path of Object.keys(statsEndpoints) as StatsHead['path'][]) {
    app.get(path, (request, reply) => serveStats(request, reply, path));
  }
  for (const part of ['ping', 'log', 'syncloop']) {
    app.get(`/healthz/${part}`, (request, reply) => serveStats(request, reply, '/healthz'));
  }
  app.get('/logs', (_request, reply) => reply.redirect('logs/', 301));
  app.get('/logs/*', async (request, reply) => {
    const { nodeName, target } = visitOf(request);
    const path = target.path.slice('/logs/'.length);
    const head = hostLogHead(path);
    const body = await openNodeEndpoint(nodes, nodeName, head, goneSignal(reply.raw));
    reply.hijack();
    const answer = { contentType: hostLogType(path), maxBytes: Infinity };
    await sendNodeBody(body, reply.raw, { ...answer, log: log.child({ node: nodeName, path }) });
  });
  app.get('/pods', (request) => ({
    kind: 'PodList',
    apiVersion: 'v1',
    metadata: {},
    items: nodes.pods(visitOf(request).nodeName),
  }));
  app.get('/containerLogs/:namespace/:pod/:container', async (request, reply) => {
    const { nodeName, target } = visitOf(request);
    const log = await openContainerLog(nodes, nodeName, target, goneSignal(reply.raw));
    reply.hijack();
    await sendLog(log, reply.raw);
  });
  const act = async (
    request: FastifyRequest,
    reply: FastifyReply,
    headOf: typeof runHead | typeof checkpointHead,
  ): Promise<void> => {
    const { nodeName, target } = visitOf(request);
    const head = headOf(target, nodeName, nodes);
    const body = await openAction(nodes, nodeName, head, goneSignal(reply.raw));
    reply.hijack();
    await sendLog(body, reply.raw, 'application/json');
  };
  app.post('/run/:namespace/:pod/:container', (request, reply) => act(request, reply, runHead));
  app.post('/run/:namespace/:pod/:uid/:container', (request, reply) =>
    act(request, reply, runHead),
  );
  app.post('/checkpoint/:namespace/:pod/:container', (request, reply) =>
    act(request, reply, checkpointHead),
  );
  for (const root of ['run', 'checkpoint']) {
    app.route({
      method: ['GET', 'PUT', 'PATCH', 'DELETE'],
      url: `/${root}/*`,
      handler: (_request, reply) => sendText(reply, 405, '405: Method Not Allowed'),
    });
  }
  // A request that really upgrades doesn't come here: this says what is wrong with the others.
  for (const root of ['exec', 'attach', 'portForward']) {
    app.route({
      method: ['GET', 'POST'],
      url: `/${root}/*`,
      handler: (request) => {
        const { nodeName, target } = visitOf(request);
        parseStreamingRequest(request.raw, target, nodeName, nodes);
        throw new KubeletApiError('UPGRADE_REQUIRED', 'Upgrade request required');
      },
    });
  }
}

async function sendText(reply: FastifyReply, status: number, text: string): Promise<void> {
  await reply
    .code(status)
    .header('x-content-type-options', 'nosniff')
    .type('text/plain; charset=utf-8')
    .send(text);
}

/** Errors of fastify's own that are the client's doing keep their status; none shows more. */
function asRefusal(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof KubeletApiError) return error;
  const status = 'statusCode' in error ? Number(error.statusCode) : 500;
  if (!(status >= 400 && status < 500)) return error;
  return new KubeletApiError('PARAMETER_INVALID', error.message, { status, cause: error });
}

function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => {
    gone.abort();
  });
  return gone.signal;
}
