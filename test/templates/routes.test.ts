import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readPage } from '../support/page.js';
import { clientsOf, transports } from './application/own-server.js';
import { makeOwnProject } from './auth/own-project.js';
import { call, callTool, openStream, send } from './support/client.js';
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
    expect(JSON.parse(String(answers[0]?.body))).toEqual({ caller: 'default', scopes: ['read'] });
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

describe('what is moved from another framework', () => {
  let server: RunningServer;
  beforeAll(async () => {
    const names = { Articles: 'resources/articles', Offer: 'prompts/offer', Book: 'tools/book' };
    const paths = Object.values(names).map((path) => `src/${path}.ts`);
    const project = await makeOwnProject('moved', 'none', {
      ...Object.fromEntries(paths.map((path) => [path, page.file(path)])),
      'src/mcp-server.ts': (source) =>
        Object.entries(names).reduce(
          (text, [name, path]) =>
            `import { register${name} } from './${path}.ts';\n${text.replace('  return server;', `  register${name}(server);\n$&`)}`,
          source,
        ),
    });
    server = await startServer(project);
  });
  afterAll(() => server.stop());

  test.each(transports)(
    'resources and prompts are there over %s, with their completions',
    async (transport) => {
      const ask = (await clientsOf(server))[transport];
      const read = async (uri: string) => (await ask('resources/read', { uri })).result;
      expect(await read('shop://articles')).toMatchObject({ contents: [{ text: '["chair","table"]' }] });
      expect(await read('shop://articles/chair')).toMatchObject({ contents: [{ text: 'About chair' }] });
      const prompt = await ask('prompts/get', { name: 'offer', arguments: { article: 'table' } });
      expect(prompt.result).toMatchObject({
        messages: [{ content: { text: 'Write an offer for a table.' } }],
      });
      for (const ref of [
        { type: 'ref/prompt', name: 'offer', argument: 'article' },
        { type: 'ref/resource', uri: 'shop://articles/{name}', argument: 'name' },
      ]) {
        const completion = await ask('completion/complete', {
          ref,
          argument: { name: ref.argument, value: 't' },
        });
        expect(completion.result).toMatchObject({ completion: { values: ['table'] } });
      }
    },
  );

  test('a tool asks the user and goes on with the answer', async () => {
    const stream = await openStream(server);
    const capabilities = { elicitation: {} };
    const clientInfo = { name: 'test', version: '1.0.0' };
    await stream.post(call(1, 'initialize', { protocolVersion: '2025-06-18', capabilities, clientInfo }));
    await stream.message(1);
    await stream.post(callTool(2, 'book'));
    const { data } = await stream.next(({ data }) => data.includes('elicitation/create'));
    await stream.post({
      jsonrpc: '2.0',
      id: JSON.parse(data).id,
      result: { action: 'accept', content: { people: 4 } },
    });
    expect((await stream.message(2)).result.content[0].text).toBe('Booked for 4');
    stream.close();
  });
});
