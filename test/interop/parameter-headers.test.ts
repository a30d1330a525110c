import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { expect, onTestFinished, test } from 'vitest';
import { launchBrowser, missingBrowser, servePage } from '../support/browser.js';
import { credential, startServer } from './support/server.js';

const reason = missingBrowser();
if (reason) console.warn(`skipped: the official client in a browser. ${reason}`);

test.skipIf(reason)('a page calls a tool whose parameter is a header, with the official client', async () => {
  const input = join(import.meta.dirname, 'fixtures/page-client.ts');
  const bundle = await rolldown({ input, platform: 'browser', logLevel: 'silent' });
  const { output } = await bundle.generate({ format: 'iife' });
  const server = await startServer('parameter-headers');
  const browser = await launchBrowser();
  const pages = await servePage(output[0].code);
  onTestFinished(async () => {
    await browser.close();
    pages.close();
    await server.stop();
  });

  const page = await browser.newPage();
  await page.goto(pages.foreign);
  const content = await page.evaluate(
    (task) =>
      new Promise((resolve) => {
        const worker = new Worker('/script.js');
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => resolve(message);
        worker.postMessage(task);
      }),
    { origin: server.origin, headers: await credential('apikey') },
  );
  // Had the header not come, the SDK would have refused the call.
  expect(content).toEqual([{ type: 'text', text: 'hello' }]);
});
