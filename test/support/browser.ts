import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Browser, chromium } from 'playwright-core';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Why there is no browser here, or undefined when there is one. */
export function missingBrowser(): string | undefined {
  if (existsSync(executablePath)) return undefined;
  return `there is no ${executablePath}: on Debian, apt-get install chromium; elsewhere, set CHROMIUM`;
}

/** A real browser, for which pages.example.com is this machine. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--host-resolver-rules=MAP pages.example.com 127.0.0.1',
    ],
  });
}

/** Serves an empty page, and a script beside it, so that scripts run on an origin that is not the MCP server's. */
export async function servePage(script = '') {
  const server = createServer(({ url }, response) => {
    if (url === '/script.js') response.writeHead(200, { 'Content-Type': 'text/javascript' }).end(script);
    else response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><title>A page</title>');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    /** Pages of this machine. */
    loopback: `http://localhost:${port}`,
    /** Pages of a site that nothing is known of. */
    foreign: `http://pages.example.com:${port}`,
    close: () => server.close(),
  };
}
