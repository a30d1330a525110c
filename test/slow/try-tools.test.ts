import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { launchBrowser } from '../support/browser.js';
import { makeCertificate } from '../support/certificate.js';
import { sign } from '../templates/auth/credentials.js';
import { makeOwnProject } from '../templates/auth/own-project.js';
import { cuttingProxy } from '../templates/support/cutting-proxy.js';
import { type Auth, secret } from '../templates/support/projects.js';
import { type RunningServer, startServer, startTestServer } from '../templates/support/server.js';

// The part of the page at `/` that tries tools, in a real browser. Screenshots are left in .rendered/screenshots.

const screenshots = join(import.meta.dirname, '../../.rendered/screenshots');
mkdirSync(screenshots, { recursive: true });
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const fixture = readFileSync(join(import.meta.dirname, 'fixtures/many-offers.ts'), 'utf8');

const customProvider = `
import type { IncomingMessage } from 'node:http';
import type { AuthProvider } from './auth-provider.ts';

export class CustomAuthProvider implements AuthProvider {
  async authenticate(req: IncomingMessage): Promise<boolean> {
    return req.headers.authorization === 'Bearer let-me-in';
  }
}
`;

let browser: Browser;
let offers: RunningServer;
beforeAll(async () => {
  browser = await launchBrowser();
  const project = await makeOwnProject('many-offers', 'apikey', {
    // Schemas that no SDK would make: the compiler need not agree with them.
    'src/mcp-server.ts': `// @ts-nocheck\n${fixture}`,
  });
  offers = await startServer(project);
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await offers?.stop();
});

async function openPage(url: string, options: BrowserContextOptions = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const complaints: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(url);
  return { page, complaints };
}

type Transport = 'sse' | 'streamable-http';

async function connect(page: Page, credential: string | undefined, transport: Transport = 'sse') {
  if (credential !== undefined) await page.getByLabel(/^Credential/).fill(credential);
  await page.getByLabel('Transport').selectOption(transport);
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await page.getByText(/Connected to|refused/i).waitFor();
}

/** Opens a tool, and gives the place where it is. */
async function offer(page: Page, name: string) {
  const found = page
    .locator('details.offer')
    .filter({ has: page.locator(`summary code:text-is("${name}")`) });
  await found.locator('summary').click();
  return found;
}

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const found = await page.evaluate('axe.run()');
  return (found as { violations: { id: string; nodes: { html: string }[] }[] }).violations.flatMap(
    ({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`),
  );
}

const transports = ['sse', 'streamable-http'] as const;

describe.each(['apikey', 'jwt', 'custom', 'none'] as const)('with %s', (auth) => {
  let server: RunningServer;
  let credential: string | undefined;
  beforeAll(async () => {
    const project =
      auth === 'custom'
        ? await makeOwnProject('let-in', 'custom', { 'src/auth/custom-auth-provider.ts': customProvider })
        : (auth as Auth);
    server = await startServer(project);
    credential = { apikey: secret, jwt: await sign(), custom: 'let-me-in', none: undefined }[auth];
  }, 60_000);
  afterAll(() => server?.stop());

  test.each(transports)('a tool is called over %s', async (transport) => {
    const { page, complaints } = await openPage(server.origin);
    await connect(page, credential, transport);
    const echo = await offer(page, 'echo');
    await echo.getByLabel('text').fill('hello');
    await echo.getByRole('button', { name: 'Call' }).click();
    await echo.getByText(/^Done, \d+ ms$/).waitFor();
    expect(await echo.locator('.output pre').innerText()).toBe('hello');
    expect(complaints).toEqual([]);
  });

  test('axe finds nothing, before and after connecting, in light and dark', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page } = await openPage(server.origin, { colorScheme });
      expect(await violations(page)).toEqual([]);
      await connect(page, credential);
      const countdown = await offer(page, 'countdown');
      await countdown.getByLabel('seconds').fill('0');
      await countdown.getByRole('button', { name: 'Call' }).click();
      await countdown.getByText(/^Done/).waitFor();
      await page.locator('#traffic summary').first().click();
      expect(await violations(page)).toEqual([]);
    }
  });
});

describe('a credential', () => {
  test('that is bad is said to be refused, and nothing is connected', async () => {
    const { page } = await openPage(offers.origin);
    await connect(page, 'a-wrong-key');
    expect(await page.locator('#connection').innerText()).toMatch(/^The credential was refused: /);
    expect(await page.locator('details.offer').count()).toBe(0);
  });

  test('fills in the client settings, and is stored nowhere', async () => {
    const { page } = await openPage(offers.origin);
    await connect(page, secret);
    const settings = await page.locator('details[name=client] pre').allTextContents();
    expect(settings[0]).toContain(`--header "X-API-Key: ${secret}"`);
    expect(
      await page.evaluate('JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])'),
    ).toBe(JSON.stringify([{}, {}, '', `${offers.origin}/`]));
    await page.reload();
    expect(await page.getByLabel(/^Credential/).inputValue()).toBe('');
  });

  test('that a shell would read more into is not filled in', async () => {
    const { page } = await openPage(offers.origin);
    await page.getByLabel(/^Credential/).fill('"$(reboot)');
    const settings = await page.locator('details[name=client] pre').allTextContents();
    expect(settings.join()).not.toContain('reboot');
  });
});

describe('a form', () => {
  test('has a field for each kind of value, and sends what was given', async () => {
    const { page } = await openPage(offers.origin);
    await connect(page, secret);
    const tool = await offer(page, 'every-field');
    await tool.getByLabel('title').fill('A "title"\nof two lines');
    await tool.getByLabel('ratio (optional)').fill('0.5');
    await tool.getByLabel('urgent (optional)').selectOption('false');
    await tool.getByLabel('color (optional)').selectOption('7');
    await tool.getByRole('button', { name: 'Add to tags' }).click();
    await tool.getByLabel('Item of tags', { exact: true }).fill('first');
    await tool.getByLabel('size (optional)').first().check();
    await tool.getByLabel('width').fill('12');
    await tool.getByLabel('city').fill('Köln');
    await tool.getByLabel('anything (optional)').fill('[{"a": null}]');
    await tool.getByRole('button', { name: 'Call' }).click();
    await tool.getByText(/^Done/).waitFor();
    expect(JSON.parse(await tool.locator('.output pre').innerText())).toEqual({
      title: 'A "title"\nof two lines',
      count: 3,
      ratio: 0.5,
      urgent: false,
      color: 7,
      tags: ['first'],
      size: { width: 12, unit: 'mm' },
      place: { city: 'Köln' },
      anything: [{ a: null }],
    });
  });

  test('leaves out what is optional, and can be written as JSON instead', async () => {
    const { page } = await openPage(offers.origin);
    await connect(page, secret);
    const tool = await offer(page, 'every-field');
    await tool.getByLabel('title').fill('only what must be');
    await tool.getByLabel('city').fill('Bonn');
    await tool.getByLabel('Write the arguments as JSON').check();
    const json = tool.getByRole('textbox', { name: 'Arguments as JSON' });
    expect(JSON.parse(await json.inputValue())).toEqual({
      title: 'only what must be',
      count: 3,
      place: { city: 'Bonn' },
    });
    await json.fill('{"title": ');
    await tool.getByRole('button', { name: 'Call' }).click();
    await tool.getByText('Arguments as JSON must be JSON').waitFor();
    await json.fill('{"own": true}');
    await tool.getByRole('button', { name: 'Call' }).click();
    await tool.getByText(/^Done/).waitFor();
    expect(await tool.locator('.output pre').innerText()).toBe('{"own":true}');
  });

  test('is called with the keyboard alone', async () => {
    const { page } = await openPage(offers.origin);
    await page.getByLabel(/^Credential/).focus();
    await page.keyboard.type(secret);
    await page.keyboard.press('Enter');
    await page.getByText(/Connected to/).waitFor();
    const summary = page.locator('details.offer summary').nth(1);
    await summary.focus();
    await page.keyboard.press('Enter');
    await page.locator('details.offer[open]').getByRole('button', { name: 'Call' }).waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('img', { name: 'Image in the result' }).waitFor();
  });
});

describe.each(transports)('over %s', (transport) => {
  async function call(name: string) {
    const { page } = await openPage(offers.origin);
    await connect(page, secret, transport);
    const tool = await offer(page, name);
    await tool.getByRole('button', { name: 'Call' }).click();
    return { page, tool };
  }

  test('an image, structured data and an error are shown as what they are', async () => {
    const { tool: image } = await call('image');
    await image.getByRole('img').waitFor();
    expect(
      await image
        .getByRole('img')
        .evaluate((node) => (node as unknown as { naturalWidth: number }).naturalWidth),
    ).toBe(1);
    const { tool: structured } = await call('structured');
    await structured.getByText('"temperature": 21').waitFor();
    const { tool: failing } = await call('failing');
    await failing.getByText(/^Error, \d+ ms$/).waitFor();
    await failing.getByText('there is no such city').waitFor();
  });

  test('progress is shown, and a call is cancelled', async () => {
    const { page, tool } = await call('slow');
    await tool.getByText('a quarter done').waitFor();
    expect(
      await tool.locator('progress').evaluate((node) => (node as unknown as { position: number }).position),
    ).toBe(0.25);
    await tool.getByRole('button', { name: 'Cancel' }).click();
    await tool.getByText('Cancelled', { exact: true }).waitFor();
    await page.locator('#traffic').getByText('notifications/cancelled', { exact: true }).waitFor();
    expect(await tool.getByRole('button', { name: 'Call' }).isEnabled()).toBe(true);
  });

  test('resources are read, and prompts are got', async () => {
    const { page } = await openPage(offers.origin);
    await connect(page, secret, transport);
    const today = await offer(page, 'today');
    await today.getByRole('button', { name: 'Read' }).click();
    await today.getByText('note of note://today').waitFor();
    const byDay = await offer(page, 'by-day');
    await byDay.getByLabel('uri').fill('note://monday');
    await byDay.getByRole('button', { name: 'Read' }).click();
    await byDay.getByText('note of note://monday').waitFor();
    const greet = await offer(page, 'greet');
    await greet.getByLabel('who').fill('Ada');
    await greet.getByRole('button', { name: 'Get' }).click();
    await greet.getByText('Greet {"who":"Ada"}').waitFor();
  });

  test('the messages are listed both ways, with their times', async () => {
    const { page } = await call('structured');
    await page.getByText('"temperature": 21').waitFor();
    const summaries = await page.locator('#traffic summary').allInnerTexts();
    expect(summaries.at(-1)).toMatch(/^\d\d:\d\d:\d\d\.\d{3} → sent initialize$/);
    expect(summaries.at(-2)).toMatch(/^\d\d:\d\d:\d\d\.\d{3} ← received reply to 1$/);
    expect(summaries[1]).toMatch(/→ sent tools\/call$/);
    await page.locator('#traffic summary').nth(1).click();
    const sent = await page.locator('#traffic details[open] pre').innerText();
    expect(JSON.parse(sent)).toMatchObject({ method: 'tools/call', params: { name: 'structured' } });
  });
});

test('200 tools are listed over several pages and found by a filter', async () => {
  const { page } = await openPage(offers.origin);
  await connect(page, secret);
  expect(await page.getByRole('heading', { name: 'Tools' }).innerText()).toBe('Tools 200');
  await page.getByLabel('Filter tools').fill('tool-184');
  expect(await page.locator('details.offer:visible summary code').allInnerTexts()).toContain('tool-184');
  expect(await page.locator('details.offer:visible').count()).toBeLessThan(10);
  expect(await violations(page)).toEqual([]);
});

test('hostile names, schemas and results do nothing', async () => {
  const { page, complaints } = await openPage(offers.origin);
  await connect(page, secret);
  const tools = page.locator('details.offer');
  for (let i = 5; i < 15; i++) await tools.nth(i).locator('summary').click();
  for (const name of ['hostile-result', 'huge-result']) {
    const tool = tools.filter({ has: page.locator(`summary code:text-is("${name}")`) });
    await tool.getByRole('button', { name: 'Call' }).click();
    await tool.getByText(/^Done/).waitFor();
  }
  const fields = tools.filter({ has: page.locator('summary code:text-is("hostile-fields")') });
  await fields.getByRole('button', { name: 'Call' }).click();
  await fields.getByText(/^Done/).waitFor();
  const sent = await page.locator('#traffic pre').nth(1).textContent();
  expect(sent).toContain('"arguments":{"__proto__":"p","constructor":"c"}'); // The server drops the first.
  expect(await fields.locator('.output pre').innerText()).toBe('{"constructor":"c"}');

  expect(await page.evaluate('window.hacked')).toBeUndefined();
  expect(await page.locator('main script, main a, main img').count()).toBe(0);
  expect(await page.getByText('cont\\u{202e}rol\\u{0}').count()).toBe(1);
  expect(await page.locator('main *').count()).toBeLessThan(5000);
  const longest = await page.evaluate(
    'Math.max(...[...document.querySelectorAll("pre, p")].map((e) => e.textContent.length))',
  );
  expect(longest).toBeLessThan(110_000);
  expect(complaints).toEqual([]);
});

test('a stream that the server ends is said to have ended', async () => {
  const server = await startServer('none');
  const { page } = await openPage(server.origin);
  await connect(page, undefined);
  await server.stop();
  await page.getByText(/^The (server ended the stream|connection to the server was lost)\.$/).waitFor();
  await page.getByRole('button', { name: 'Connect', exact: true }).waitFor();
});

test('a session over Streamable HTTP that ended with its server is said to have ended', async () => {
  const server = await startServer('none');
  const { page } = await openPage(server.origin);
  await connect(page, undefined, 'streamable-http');
  const echo = await offer(page, 'echo');
  await echo.getByLabel('text').fill('hello');
  await server.stop('SIGKILL');
  const again = await startServer('none', { PORT: String(server.port) });
  await echo.getByRole('button', { name: 'Call' }).click();
  await page.getByText('The session has ended.', { exact: true }).first().waitFor();
  await page.getByRole('button', { name: 'Connect', exact: true }).waitFor();
  await again.stop();
});

test('over Streamable HTTP the page hears what the server says by itself, also after its stream was cut', async () => {
  const server = await startTestServer('none', { RESUME_SECONDS: '10' });
  const proxy = await cuttingProxy(server);
  const { page } = await openPage(proxy.origin);
  await connect(page, undefined, 'streamable-http');
  const opened = page.waitForResponse((response) => response.request().method() === 'GET');
  proxy.cut();
  await opened;
  const grow = await offer(page, 'grow');
  await grow.getByLabel('later').selectOption('true'); // After the reply, so that it comes on no other stream.
  await grow.getByRole('button', { name: 'Call' }).click();
  await page.getByText('What the server offers has changed. Connect again to see it.').waitFor();
  proxy.close();
  await server.stop();
});

test('behind a path prefix that a proxy adds, and TLS, a tool is called', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'create-mcp-sse-page-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const { cert, key } = makeCertificate(folder);
  const server = await startServer('apikey', {
    BASE_PATH: '/my/server',
    TLS_CERT_FILE: cert,
    TLS_KEY_FILE: key,
  });
  const { page, complaints } = await openPage(`${server.origin}/my/server`, { ignoreHTTPSErrors: true });
  for (const transport of transports) {
    await page.reload();
    await connect(page, secret, transport);
    const echo = await offer(page, 'echo');
    await echo.getByLabel('text').fill('hello');
    await echo.getByRole('button', { name: 'Call' }).click();
    await echo.locator('.output pre').getByText('hello').waitFor();
  }
  expect(complaints).toEqual([]);
  await server.stop();
});

test('no other page can frame it', async () => {
  const framing = createServer((_, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end(`<!doctype html><title>frame</title><iframe src="${offers.origin}/"></iframe>`);
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void framing.close());
  await new Promise((resolve) => framing.once('listening', resolve));
  const { page, complaints } = await openPage(`http://127.0.0.1:${(framing.address() as AddressInfo).port}/`);
  await expect.poll(() => complaints.join()).toContain('frame-ancestors');
  expect(await page.frameLocator('iframe').getByText('Try it').count()).toBe(0);
});

test('LANDING_PAGE=off takes the page and its files away', async () => {
  const server = await startServer('apikey', { LANDING_PAGE: 'off' });
  for (const path of ['/', '/page/page.js', '/page/page.css', '/page/index.html']) {
    expect((await fetch(server.origin + path)).status).toBe(404);
  }
  await server.stop();
});

test.each([
  ['1280', { viewport: { width: 1280, height: 900 } }],
  ['390', { viewport: { width: 390, height: 844 }, isMobile: true }],
  ['1280-dark', { viewport: { width: 1280, height: 900 }, colorScheme: 'dark' }],
  ['390-dark', { viewport: { width: 390, height: 844 }, isMobile: true, colorScheme: 'dark' }],
] as [string, BrowserContextOptions][])('at %s wide nothing is cut off', async (name, options) => {
  const server = await startServer('apikey');
  const { page } = await openPage(server.origin, options);
  await connect(page, secret);
  const echo = await offer(page, 'echo');
  await echo.getByLabel('text').fill('Hello, server!');
  await echo.getByRole('button', { name: 'Call' }).click();
  await echo.getByText(/^Done/).waitFor();
  await page.locator('#traffic summary').first().click();
  expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
  await page.evaluate('scrollTo(0, 0)');
  await page.screenshot({ path: join(screenshots, `try-${name}.png`) });
  await server.stop();
});
