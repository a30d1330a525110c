import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { callTool, openStream, post, send } from '../support/client.js';
import { directoryOf, secret } from '../support/projects.js';
import { type RunningServer, startServer } from '../support/server.js';
import { bearer, inSeconds, knock, sign } from './credentials.js';

// Everything that a server gives away, with every kind of credential having been sent to it: nothing of them is in it.

const bodyText = 'what-only-a-message-says';

/** Uses a server in good and bad ways, at the most talkative level of its log, and collects all that it says. */
async function everythingSaidBy(
  auth: 'jwt' | 'apikey',
  good: Record<string, string>,
  bad: Record<string, string>[],
) {
  const server = await startServer(auth, { LOG_LEVEL: 'debug', METRICS: 'public' });
  const said: string[] = [];
  const note = (answer: { headers: object; body: string }) =>
    said.push(JSON.stringify(answer.headers), answer.body);

  const stream = await openStream(server, { headers: good });
  note(await stream.post(callTool(1, 'whoami')));
  await stream.message(1);
  note(await stream.post(callTool(2, 'no-such-tool', { text: bodyText })));
  await stream.message(2);
  note(await stream.post(`{"text": "${bodyText}`));
  note(await stream.post({ jsonrpc: '2.0', text: bodyText }));
  for (const headers of bad) {
    note(await knock(server, 'GET /sse', headers));
    note(
      await post(
        server,
        `${stream.endpoint}&token=${secret}`,
        callTool(3, 'echo', { text: bodyText }),
        headers,
      ),
    );
    note(await knock(server, 'POST /mcp', headers));
  }
  for (const path of ['/', '/health', '/metrics', '/nowhere', '/.well-known/oauth-protected-resource']) {
    note(await send(server, 'GET', path, { headers: good }));
  }
  said.push(await processTitle(server));
  stream.close();
  await server.logged({ msg: 'session closed' });
  await server.stop();
  return { said: [...said, server.output()].join('\n'), sessionId: stream.endpoint.split('=')[1] as string };
}

/** What `ps` shows to every user of the machine. */
async function processTitle({ process: { pid } }: RunningServer): Promise<string> {
  return process.platform === 'linux' ? readFile(`/proc/${pid}/cmdline`, 'utf8') : '';
}

test('no response, log line, page or process title contains API keys, session ids or messages', async () => {
  const wrong = 'wrong-key-0123456789';
  const { said, sessionId } = await everythingSaidBy('apikey', { 'X-API-Key': secret }, [
    { 'X-API-Key': wrong },
    bearer(wrong),
    { 'X-API-Key': `${secret}x` },
  ]);
  for (const text of [secret, wrong, sessionId, bodyText, '    at ']) expect(said).not.toContain(text);
});

test('no response, log line, page or process title contains tokens, their secret, session ids or messages', async () => {
  const good = await sign();
  const bad = [
    await sign({ exp: inSeconds(-1) }),
    await sign({}, { key: new TextEncoder().encode(`${secret}x`) }),
    await sign({ sub: 7 }),
    'not.a.token-0123456789',
  ];
  const { said, sessionId } = await everythingSaidBy('jwt', bearer(good), bad.map(bearer));
  const signatures = [good, ...bad].map((token) => token.split('.')[2] as string);
  for (const text of [secret, ...signatures, sessionId, bodyText, '    at '])
    expect(said).not.toContain(text);
});

test('neither the record of the answers nor .env.example contains a secret', async () => {
  for (const auth of ['jwt', 'apikey'] as const) {
    for (const file of ['create-mcp-sse.json', '.env.example', 'package.json', 'README.md']) {
      expect(await readFile(join(directoryOf(auth), file), 'utf8')).not.toContain(secret);
    }
    expect(await readFile(join(directoryOf(auth), '.env'), 'utf8')).toContain(secret);
  }
});

test('git and Docker ignore .env', async () => {
  for (const auth of ['jwt', 'apikey', 'custom', 'none'] as const) {
    for (const file of ['.gitignore', '.dockerignore']) {
      const lines = (await readFile(join(directoryOf(auth), file), 'utf8')).split('\n');
      expect(
        lines.some((line) => line === '.env' || line === '.env*' || line === '*'),
        `${auth}: ${file}`,
      ).toBe(true);
    }
  }
});
