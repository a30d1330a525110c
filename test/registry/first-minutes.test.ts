import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { freePort } from '../support/programs.ts';
import { keys, Terminal } from '../support/terminal.ts';
import { managers } from './support/managers.ts';
import { person } from './support/person.ts';

// A stranger who was shown no more than the README on npm, and types what it says. What they saw is left in
// .rendered/first-minutes/.

const seen = join(import.meta.dirname, '../../.rendered/first-minutes');
mkdirSync(seen, { recursive: true });

test('from the README on npm to a tool that was called in the browser takes less than two minutes', async () => {
  const { cwd, env } = person(managers['npm 11']);
  const port = String(await freePort()); // A person whose port 8080 is taken.
  const laps: [string, number][] = [['', performance.now()]];
  const lap = (name: string) => laps.push([name, performance.now()]);

  const { readme } = (await (await fetch(`${inject('registry')}create-mcp-sse`)).json()) as {
    readme: string;
  };
  const [, line = ''] = /```sh\n(npx .*)\n```/.exec(readme) ?? [];
  const terminal = new Terminal('sh', ['-c', line], { cwd, env });
  await terminal.answer(
    ['Ok to proceed?', keys.enter],
    ['Which port', port, keys.enter],
    ['open the event stream', keys.enter],
    ['POST their messages', keys.enter],
    ['How large', keys.enter],
    ['prove who they are', keys.enter],
    ['Which endpoints', keys.enter],
    ['More options?', keys.enter],
    ['Create it?', keys.enter],
  );
  lap('fetched by npx, and asked');
  const status = await terminal.end(120_000);
  writeFileSync(join(seen, '1-command.txt'), (await terminal.lines()).join('\n'));
  expect(status).toBe(0);
  lap('made, installed, built and proved');

  const [, commands = ''] =
    /\n( {3}cd .*\n {3}npm start)\r?\n/.exec(terminal.text.replaceAll('\r', '')) ?? [];
  const [, url = ''] = /Open (http:\S+)/.exec(terminal.text) ?? [];
  const [, key = ''] = /It asks for the key: (\S+)/.exec(terminal.text) ?? [];
  const server = new Terminal('sh', ['-c', commands], { cwd, env });
  onTestFinished(() => server.interrupt());
  await server.see('listening');
  writeFileSync(join(seen, '2-start.txt'), (await server.lines()).join('\n'));
  lap('started');

  const browser = await launchBrowser();
  onTestFinished(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  const look = (name: string) => page.screenshot({ path: join(seen, `${name}.png`) });
  await page.goto(url);
  await look('3-opened');
  await page.getByLabel(/^Credential/).fill(key);
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  const echo = page.locator('details.offer').filter({ has: page.locator('summary code:text-is("echo")') });
  await echo.waitFor();
  await look('4-connected');
  await echo.locator('summary').click();
  await look('5-tool');
  await echo.getByLabel('text').fill('hello');
  await echo.getByRole('button', { name: 'Call' }).click();
  await echo.getByText(/^Done, \d+ ms$/).waitFor();
  expect(await echo.locator('.output pre').innerText()).toBe('hello');
  await look('6-called');
  lap('called in the browser');

  const seconds = laps
    .slice(1)
    .map(([name, at], i) => `${((at - (laps[i]?.[1] ?? 0)) / 1000).toFixed(1)} s ${name}`);
  writeFileSync(join(seen, 'time.txt'), seconds.join('\n'));
  expect(performance.now() - (laps[0]?.[1] ?? 0), seconds.join(', ')).toBeLessThan(120_000);
}, 240_000);
