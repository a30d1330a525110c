import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startLoad } from '../load-process.js';
import { startServer } from '../server-process.js';
import { fetchedWith, installedIn } from './installed.js';

const bin = join(import.meta.dirname, '../node_modules/.bin');
const mcp = join(import.meta.dirname, '../peers/mcp-framework/node_modules/.bin/mcp');

/**
 * The commands that make a project, and how each is brought from there to a server that answered: by a tool call,
 * or where the project is no MCP server by a page.
 */
export function allGenerators(command) {
  const create = join(command, 'node_modules/.bin/create-mcp-sse');
  const fetched = installedIn(command);
  const ours = { fetched, files: [create, 'app', '--yes', '--no-install', '--no-git'] };
  return [
    {
      ...ours,
      id: 'create-mcp-sse',
      name: 'create-mcp-sse, proof included',
      steps: [[create, 'app', '--yes']],
      start: ['node', 'dist/main.js'],
      answer: callOverSse,
    },
    {
      ...ours,
      id: 'create-mcp-sse-unproved',
      name: 'create-mcp-sse --no-verify',
      steps: [
        [create, 'app', '--yes', '--no-verify'],
        ['npm', 'run', 'build'],
      ],
      start: ['node', 'dist/main.js'],
      answer: callOverSse,
    },
    {
      ...peer('create-xmcp-app'),
      files: [join(bin, 'create-xmcp-app'), 'app', '--yes', '--use-npm', '--http', '--skip-install'],
      steps: [
        [join(bin, 'create-xmcp-app'), 'app', '--yes', '--use-npm', '--http'],
        ['npm', 'run', 'build'],
      ],
      start: ['node', 'dist/http.js'],
      port: 3001, // It reads no PORT.
      answer: callOverHttp,
    },
    {
      id: 'mcp-framework',
      name: 'mcp create (MCP Framework)',
      fetched: installedIn(join(import.meta.dirname, '../peers/mcp-framework')),
      files: [mcp, 'create', 'app', '--http', '--no-install'],
      steps: [[mcp, 'create', 'app', '--http']],
      start: ['node', 'dist/index.js'],
      port: 8080,
      answer: callOverHttp,
    },
    {
      ...peer('create-hono'),
      name: 'create-hono (no MCP)',
      // Without --install it asks, so there is no measuring the files alone.
      steps: [
        [join(bin, 'create-hono'), 'app', '--template', 'nodejs', '--install', '--pm', 'npm'],
        ['npm', 'run', 'build'],
      ],
      start: ['node', 'dist/index.js'],
      port: 3000,
      answer: getPage,
    },
    {
      ...peer('create-vite'),
      name: 'create-vite (no MCP)',
      files: [join(bin, 'create-vite'), 'app', '--template', 'vanilla-ts', '--no-interactive'],
      steps: [
        [join(bin, 'create-vite'), 'app', '--template', 'vanilla-ts', '--no-interactive'],
        ['npm', 'install'],
        ['npm', 'run', 'build'],
      ],
      start: ['node', 'node_modules/vite/bin/vite.js', 'preview', '--port', '{port}', '--host', '127.0.0.1'],
      answer: getPage,
    },
  ];
}

function peer(id) {
  return { id, name: id, fetched: fetchedWith(id) };
}

/** One run: seconds to files, seconds from the command to an answer, and what it installed. */
export async function measureGenerator(generator) {
  const directory = mkdtempSync(join(tmpdir(), 'create-mcp-sse-bench-generator-'));
  const { fetched } = generator;
  const result = { fetched };
  try {
    const app = join(directory, 'app');
    if (generator.files) {
      result.filesSeconds = await timed(() => run(generator.files, directory));
      result.files = readdirSync(app, { recursive: true }).length;
      rmSync(app, { recursive: true });
    }
    result.answeredSeconds = await timed(async () => {
      for (const [index, step] of generator.steps.entries()) await run(step, index === 0 ? directory : app);
      await startAndAsk(generator, app);
    });
    Object.assign(result, installedIn(app));
  } catch (error) {
    return { fetched, error: error.message + (error.cause ? `: ${error.cause.message}` : '') };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  return result;
}

async function startAndAsk({ id, start, port, answer }, directory) {
  const server = await startServer({ id: `generated-${id}`, command: start, directory, port });
  try {
    await answer(server.port, directory);
  } finally {
    await server.stop();
  }
}

async function callOverSse(port, directory) {
  const key = /^API_KEY=default:([^:\n]+)/m.exec(readFileSync(join(directory, '.env'), 'utf8'))[1];
  const load = await startLoad({ port, callers: [{ headers: { 'X-API-Key': key } }] });
  try {
    await load.send('open', { total: 1 });
    await load.send('large', { bytes: 1000, count: 1 });
  } finally {
    load.stop();
  }
}

/** Streamable HTTP, which is what these generators make. The tool is the one they put in. */
async function callOverHttp(port) {
  const body = {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'greet', arguments: { name: 'bench' } },
  };
  const response = await fetch(`http://127.0.0.1:${port}/mcp`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!text.includes('Hello, bench')) throw new Error(`the tool call was answered: ${text.slice(0, 200)}`);
}

async function getPage(port) {
  const response = await fetch(`http://127.0.0.1:${port}/`);
  if (!response.ok) throw new Error(`the page was answered: ${response.status}`);
}

async function timed(action) {
  const startedAt = performance.now();
  await action();
  return (performance.now() - startedAt) / 1000;
}

/** @throws with the end of what it printed, when it fails */
function run([program, ...args], cwd) {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, CI: 'true', npm_config_prefer_offline: 'true' };
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let printed = '';
    const keep = (chunk) => {
      printed += chunk;
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', reject);
    child.once('close', (code) => {
      // Some end with 0 all the same.
      const made = join(cwd, 'app');
      const madeNothing = existsSync(made) && readdirSync(made).length === 0;
      if (code === 0 && !madeNothing) resolve();
      else reject(new Error(`${program.split('/').pop()} ended with ${code}: ${firstError(printed)}`));
    });
  });
}

function firstError(printed) {
  const lines = printed.split('\n').map((line) => line.trim());
  const error = lines.find((line) => /^error:/i.test(line)) ?? lines.find((line) => /error/i.test(line));
  return (error ?? lines.at(-2) ?? '').slice(0, 300);
}
