import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readPage } from '../support/page.js';
import { makeOwnProject } from './auth/own-project.js';
import { callTool, openStream, send } from './support/client.js';
import { goodHeaders, type RunningServer, startServer } from './support/server.js';

// Routes and tools that an owner adds, as docs/migrating.md shows.

const page = readPage('migrating.md');
const withAdmin = { 'src/admin.ts': page.file('src/admin.ts'), 'src/server.ts': page.edit('src/server.ts') };

/** Adds a route to the table of a new project. */
const addRoute = (route: string) => (source: string) =>
  source.replace('  const routes: Routes = {\n', (line) => `${line}    '/admin': { GET: ${route} },\n`);

describe('a route does not compile', () => {
  test('if it does not say what it needs', async () => {
    const files = { 'src/server.ts': addRoute('{ handle: pages.health }') };
    const made = makeOwnProject('route-without-need', 'apikey', files);
    await expect(made).rejects.toThrow(/^src\/server\.ts.*\n {2}Property 'needs' is missing/m);
  });

  test('if it needs a caller in a project without credentials', async () => {
    const files = { 'src/server.ts': addRoute("{ needs: 'caller', handle: pages.health }") };
    const made = makeOwnProject('route-for-caller', 'none', files);
    await expect(made).rejects.toThrow(/^src\/server\.ts.* error TS\d+: Type '"caller"' is not assignable/m);
  });

  test('if it needs a caller, and its handler takes none for granted where none is sure to be', async () => {
    const files = {
      ...withAdmin,
      'src/server.ts': (source: string) =>
        withAdmin['src/server.ts'](source).replace("'caller'", "'messages'"),
    };
    const made = makeOwnProject('route-with-caller', 'apikey', files);
    await expect(made).rejects.toThrow(/^src\/server\.ts.* error TS\d+: /m);
  });
});

describe('GET /admin, which needs a caller, where only the stream is protected', () => {
  let server: RunningServer;
  beforeAll(async () => {
    const project = await makeOwnProject('route-of-ones-own', 'apikey', withAdmin);
    server = await startServer(project, { PROTECT: 'sse', RATE_LIMIT: '1' });
  });
  afterAll(() => server.stop());

  const ask = (headers = {}) => send(server, 'GET', '/admin', { headers });

  test.each([{}, { 'X-API-Key': 'a-key-that-nobody-has' }])('is 401 with the headers %o', async (headers) => {
    const answer = await ask(headers);
    expect(answer.status).toBe(401);
    expect(JSON.parse(answer.body).error.code).toBe('unauthorized');
  });

  test('is answered with a key, and 429 beyond the limit of messages', async () => {
    const answers = [];
    for (let i = 0; i < 3; i++) answers.push(await ask(goodHeaders.apikey));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]); // A burst is twice the rate.
    expect(JSON.parse(String(answers[0]?.body))).toEqual({ caller: 'default', scopes: [] });
    expect(answers[2]?.headers['retry-after']).toMatch(/^[12]$/);
    expect(JSON.parse(String(answers[2]?.body)).error.code).toBe('too_many_requests');
  });
});

test('a tool is added with a file and two lines', async () => {
  const server = await startServer(
    await makeOwnProject('tool-of-ones-own', 'none', {
      'src/tools/price.ts': page.file('src/tools/price.ts'),
      'src/mcp-server.ts': page.edit('src/mcp-server.ts'),
    }),
  );
  const stream = await openStream(server);
  await stream.post(callTool(1, 'price', { article: 'chair' }));
  const { result } = await stream.message(1);
  expect(JSON.parse(result.content[0].text)).toEqual({ article: 'chair', euros: 5 });
  await server.stop();
});
