import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Browser, chromium, type Page } from 'playwright-core';
import { onTestFinished } from 'vitest';

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

/** A page of another site than the MCP server's, in a browser of its own, until the test is over; and the browser's version. */
export async function openForeignPage(): Promise<{ page: Page; version: string }> {
  const browser = await launchBrowser();
  const pages = await servePage();
  onTestFinished(async () => {
    await browser.close();
    pages.close();
  });
  const page = await browser.newPage();
  await page.goto(pages.foreign);
  return { page, version: browser.version() };
}
