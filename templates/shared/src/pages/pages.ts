import { name, version } from '../about.ts';
import type { PublicOrigin } from '../http/client-address.ts';
import { HttpError } from '../http/errors.ts';
import type { Exchange } from '../http/exchange.ts';
import { send, sendJson } from '../http/send.ts';
import type { Metrics } from '../monitoring/metrics.ts';
import type { Relay } from '../relay/relay.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { contentSecurityPolicy, createLandingPage } from './landing-page.ts';

export interface PageOptions {
  paths: {
    endpoint: string;
    messageEndpoint: string;
    streamableHttpEndpoint?: string;
  };
  basePath: string;
  publicOrigin: PublicOrigin;
  /** The header that carries the credential. Absent: none is needed. */
  credentialHeader?: string;
  sessions: Sessions;
  relay: Relay | undefined;
  metrics: Metrics;
}

/** What the server answers besides MCP itself: health, metrics and a page for people. */
export function createPages(options: PageOptions) {
  const { sessions, relay, publicOrigin, metrics } = options;
  const startedAt = new Date();
  const landingPage = createLandingPage({ name, version, ...options });

  /** A broken relay is reported, not refused: all processes lose it at once, and go on serving their own sessions. */
  function health(exchange: Exchange): void {
    const uptimeSeconds = Math.floor(process.uptime());
    sendJson(exchange, { status: 'ok', sessions: sessions.size, uptimeSeconds, relay: relay?.problem });
  }

  function showMetrics(exchange: Exchange): void {
    send(exchange, 'text/plain; version=0.0.4; charset=utf-8', metrics.page() + relayGauge());
  }

  function relayGauge(): string {
    if (!relay) return '';
    return `# HELP mcp_relay_up Whether messages reach sessions in other processes.
# TYPE mcp_relay_up gauge
mcp_relay_up ${relay.problem ? 0 : 1}
`;
  }

  /** @throws {HttpError} `bad_request` */
  function landing(exchange: Exchange): void {
    const { host = '' } = exchange.request.headers;
    // It becomes part of commands that people paste into a terminal.
    if (!/^[\w.:[\]-]*$/.test(host)) throw new HttpError('host_malformed');
    const html = landingPage(publicOrigin(exchange.request), sessions.size, startedAt);
    send(exchange, 'text/html; charset=utf-8', html, { 'Content-Security-Policy': contentSecurityPolicy });
  }

  return { health, landing, metrics: showMetrics };
}
