import { type AccessOptions, resourceMetadataPath } from '../transport/access.js';
import type { Exchange } from '../transport/exchange.js';
import { HttpError } from '../transport/http-error.js';
import type { Relay } from '../transport/relay.js';
import { publicOrigin } from '../transport/request-guards.js';
import type { Sessions } from '../transport/sessions.js';
import { contentSecurityPolicy, createLandingPage } from './landing-page.js';
import type { Metrics } from './metrics.js';

export interface PageOptions extends AccessOptions {
  /** Name of the server. */
  name: string;
  /** Its version. */
  version: string;
  /** Whether there is a page for people at `/`. */
  landingPage: boolean;
  /** Path of the event stream. */
  endpoint: string;
  /** Path that messages are POSTed to. */
  messageEndpoint: string;
  /** Streamable HTTP beside SSE, if there is any. */
  streamableHttp?: { endpoint: string } | undefined;
  relay?: Relay | undefined;
  metrics: Metrics;
}

/** What the server answers beside MCP itself: health, metrics, its page, and where its tokens come from. */
export function createPages(options: PageOptions, sessions: Sessions) {
  const { auth, basePath, endpoint, streamableHttp, relay, trustedProxies, metrics } = options;
  const startedAt = new Date();
  const landingPage = createLandingPage({
    ...options,
    streamableHttpEndpoint: streamableHttp?.endpoint,
    credentialHeader: auth && (auth.provider.credentialScheme?.headerName ?? 'Authorization'),
  });

  /** A relay that does not work is said, not refused: all processes lose it at once, and serve their own sessions. */
  function health(exchange: Exchange): void {
    const uptimeSeconds = Math.floor((Date.now() - startedAt.getTime()) / 1000);
    sendJson(exchange, { status: 'ok', sessions: sessions.size, uptimeSeconds, relay: relay?.problem });
  }

  function showMetrics(exchange: Exchange): void {
    send(exchange, 'text/plain; version=0.0.4; charset=utf-8', metrics.page() + relayGauge());
  }

  function relayGauge(): string {
    if (!relay?.nodeId) return ''; // There are no other processes.
    return `# HELP mcp_relay_up Whether messages reach sessions in other processes.
# TYPE mcp_relay_up gauge
mcp_relay_up ${relay.problem ? 0 : 1}
`;
  }

  function landing(exchange: Exchange): void {
    const { host = '' } = exchange.request.headers;
    // It becomes part of commands that people paste into a terminal.
    if (!/^[\w.:[\]-]*$/.test(host)) throw new HttpError('bad_request', 'The Host is not a host name');
    const html = landingPage(publicOrigin(exchange.request, trustedProxies), sessions.size, startedAt);
    send(exchange, 'text/html; charset=utf-8', html, { 'Content-Security-Policy': contentSecurityPolicy });
  }

  /**
   * The server as a whole and each endpoint that takes a token, by the path of its metadata. That has the base path
   * at its end, where a client looks for it, or at its beginning, where a proxy that passes on nothing else finds it.
   */
  const resources = new Map(
    ['', endpoint, streamableHttp?.endpoint]
      .filter((path) => path !== undefined)
      .flatMap((path) => [
        [resourceMetadataPath + path, path],
        [resourceMetadataPath + basePath + path, path],
      ]),
  );

  /** https://www.rfc-editor.org/rfc/rfc9728#name-protected-resource-metadata */
  function resourceMetadata(exchange: Exchange): void {
    const { request, path } = exchange;
    const issuer = auth?.provider.credentialScheme?.issuer;
    if (issuer === undefined) throw new HttpError('not_found', 'No OAuth issuer belongs to this server');
    sendJson(exchange, {
      resource: publicOrigin(request, trustedProxies) + basePath + resources.get(path),
      authorization_servers: [issuer],
      bearer_methods_supported: ['header'],
    });
  }

  return {
    health,
    landing,
    metrics: showMetrics,
    resourceMetadata,
    resourcePaths: [...resources.keys()],
  };
}

function sendJson(exchange: Exchange, value: object): void {
  send(exchange, 'application/json', JSON.stringify(value));
}

/** A HEAD gets the headers alone: Node leaves the body out. */
function send(
  { response, headers }: Exchange,
  contentType: string,
  body: string,
  more: Record<string, string> = {},
): void {
  response.writeHead(200, {
    ...headers,
    ...more,
    'Content-Type': contentType,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(body);
}
