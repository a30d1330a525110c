import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { launchBrowser } from '../support/browser.js';
import { openStream } from '../templates/support/client.js';
import { secret } from '../templates/support/projects.js';
import { goodHeaders, type RunningServer, startServer } from '../templates/support/server.js';

// The page at `/` in a real browser. Screenshots are left in .rendered/screenshots, to be looked at.

const screenshots = join(import.meta.dirname, '../../.rendered/screenshots');
mkdirSync(screenshots, { recursive: true });

let browser: Browser;
let server: RunningServer;
beforeAll(async () => {
  browser = await launchBrowser();
  server = await startServer('apikey');
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

async function openPage(options: BrowserContextOptions = {}, origin = server.origin) {
  const context = await browser.newContext(options);
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(origin);
  return { page, complaints };
}

test('the page says what is running, and keeps sessions and uptime current', async () => {
  const { page, complaints } = await openPage();
  expect(await page.textContent('h1')).toBe('test-server 0.1.0');
  await page.getByText('Running · sessions: 0 · up').waitFor();
  const stream = await openStream(server, { headers: goodHeaders.apikey });
  await page.getByText(/Running · sessions: 1 · up \d+ s/).waitFor();
  stream.close();
  expect(complaints).toEqual([]);
});

test('the page says when the server is unreachable', async () => {
  const other = await startServer('none');
  const { page } = await openPage({}, other.origin);
  await page.getByText('Running', { exact: true }).waitFor();
  await other.stop();
  await page.getByText('Not reachable').waitFor();
});

test('the curl commands open the stream and call a tool once the key is filled in', async () => {
  const { page } = await openPage();
  await page.locator('summary').filter({ hasText: 'curl' }).last().click();
  const commands = (await page.locator('details[open] pre').innerText()).replaceAll('<key>', secret);
  const [open = '', ...call] = commands.split('\n');
  const stream = spawn('sh', ['-c', `exec ${open} --silent`]);
  onTestFinished(() => void stream.kill());
  const [event] = await once(stream.stdout, 'data');
  const [, sessionId = ''] = /^event: endpoint\ndata: \/messages\?sessionId=(\S+)/.exec(String(event)) ?? [];

  const reply = once(stream.stdout, 'data');
  const accepted = execFileSync('sh', ['-c', `${call.join('\n').replace('…', sessionId)} --silent`]);
  expect(String(accepted)).toBe('Accepted');
  expect(String(await reply)).toContain('default'); // Whose key it is.
});

test('markup cannot be made of text', async () => {
  const { page } = await openPage();
  await expect(page.evaluate(`document.body.innerHTML = '<b>text</b>'`)).rejects.toThrow('TrustedHTML');
});

test('the button copies the text next to it', async () => {
  const { page } = await openPage({ permissions: ['clipboard-read', 'clipboard-write'] });
  await page.locator('summary').filter({ hasText: 'Cursor' }).last().click();
  await page.locator('details[open] button').click();
  await page.getByText('Copied').waitFor();
  const copied = await page.evaluate('navigator.clipboard.readText()');
  expect(JSON.parse(copied as string)).toEqual({
    mcpServers: { 'test-server': { url: `${server.origin}/sse`, headers: { 'X-API-Key': '<key>' } } },
  });
});

test('without JavaScript the page shows the same, without a dead button', async () => {
  const { page } = await openPage({ javaScriptEnabled: false });
  expect(await page.locator('#status').innerText()).toMatch(
    /^Running · sessions: \d · up since \d{4}-\d\d-\d\d \d\d:\d\d UTC$/,
  );
  await page.locator('summary').filter({ hasText: 'VS Code' }).last().click();
  expect(await page.locator('details[open] pre').innerText()).toContain('"servers"');
  expect(await page.getByRole('button').count()).toBe(0);
});

test('a script that gets into the page does not run', async () => {
  const { page, complaints } = await openPage();
  await expect(page.evaluate(`document.body.setAttribute('onclick', 'window.ran = true')`)).rejects.toThrow(
    'TrustedScript',
  );
  await page.evaluate(`document.body.append(document.createElement('script'), 'text')`);
  expect(await page.evaluate('window.ran')).toBeUndefined();
  expect(complaints.join()).toContain('TrustedScript');
});

test.each([
  ['light', { colorScheme: 'light', viewport: { width: 1000, height: 900 } }, 'rgb(255, 255, 255)'],
  ['dark', { colorScheme: 'dark', viewport: { width: 1000, height: 900 } }, 'rgb(20, 23, 26)'],
  [
    'phone',
    { colorScheme: 'light', viewport: { width: 360, height: 780 }, deviceScaleFactor: 2, isMobile: true },
    'rgb(255, 255, 255)',
  ],
] as [string, BrowserContextOptions, string][])(
  'the page is readable in %s, without horizontal scrolling',
  async (name, options, background) => {
    const { page } = await openPage(options);
    await page.getByText(/up \d+ s/).waitFor();
    await page.screenshot({ path: join(screenshots, `landing-page-${name}.png`), fullPage: true });
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe(background);
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
  },
);
