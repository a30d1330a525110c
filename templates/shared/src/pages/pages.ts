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
  relay?: Relay | undefined;
  metrics: Metrics;
  /** Whether there is a page for people. */
  landingPage: 'on' | 'off';
}

/** What the server answers besides MCP itself: health, metrics and a page for people. */
export function createPages(options: PageOptions) {
  const { sessions, relay, publicOrigin, metrics } = options;
  const startedAt = new Date();
  const landingPage =
    options.landingPage === 'on' ? createLandingPage({ name, version, ...options }) : undefined;

  /** A broken relay is reported, not refused: all processes lose it at once, and go on serving their own sessions. */
  function health(exchange: Exchange): void {
    const uptimeSeconds = Math.floor(process.uptime());
    sendJson(exchange, { status: 'ok', sessions: sessions.size, uptimeSeconds, relay: relay?.problem });
  }

  function showMetrics(exchange: Exchange): void {
    const page = metrics.page() + (relay?.metrics() ?? '');
    send(exchange, 'text/plain; version=0.0.4; charset=utf-8', page);
  }

  type Show = (exchange: Exchange) => void;
  const security = { 'Content-Security-Policy': contentSecurityPolicy };

  /** By path, the page for people and what it loads. */
  function landingRoutes(): [path: string, show: Show][] {
    if (landingPage === undefined) return [];
    const files = landingPage.files.map(({ path, type, text }): [string, Show] => [
      path,
      (exchange) => send(exchange, type, text, security),
    ]);
    return [['/', (exchange) => showLanding(exchange, landingPage)], ...files];
  }

  /** @throws {HttpError} `bad_request` */
  function showLanding(exchange: Exchange, { html }: ReturnType<typeof createLandingPage>): void {
    const { host = '' } = exchange.request.headers;
    // It becomes part of commands that people paste into a terminal.
    if (!/^[\w.:[\]-]*$/.test(host)) throw new HttpError('host_malformed');
    const text = html(publicOrigin(exchange.request), sessions.size, startedAt);
    send(exchange, 'text/html; charset=utf-8', text, { ...security, 'Referrer-Policy': 'no-referrer' });
  }

  return { health, landingRoutes, metrics: showMetrics };
}
