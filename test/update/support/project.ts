import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Answers } from '../../../src/answers/index.ts';
import { createRun, type Run, renderRecord } from '../../../src/project/index.ts';
import { planUpdate } from '../../../src/update/index.ts';
import { generatorVersion } from '../../../src/version.ts';
import { writeTree } from '../../fixtures/files.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

export type Files = Record<string, string>;

/** The version that made a project before this one. */
export const oldVersion = '0.0.9';

export const defaults = { auth: 'apikey', name: 'srv', packageManager: 'npm' } as const;

/** What this version renders, as texts. */
export async function rendered(answers: Partial<Answers> = {}): Promise<Files> {
  const files = await renderRecord({ ...defaults, ...answers });
  return Object.fromEntries([...files].map(([path, { content }]) => [path, content.toString()]));
}

interface Made {
  answers?: Partial<Answers>;
  /** What an earlier version rendered, made of what this one renders. Without it, this version made the project. */
  earlier?: (files: Files) => void;
  /** Which version that was. */
  made?: string;
  /** What its owner did before the last commit. */
  owner?: (files: Files) => void;
  /** Where the project is in its repository. */
  folder?: string;
}

/** A committed project, and what updates it. */
export async function project({ answers = {}, earlier, made = oldVersion, owner, folder = '.' }: Made = {}) {
  const root = temporaryDirectory();
  const directory = join(root, folder);
  const base = await rendered(answers);
  if (earlier !== undefined) {
    earlier(base);
    const record = JSON.parse(base['create-mcp-sse.json'] ?? '');
    const facts = { generator: `create-mcp-sse@${made}`, rendered: 'sha256-of-an-earlier-version' };
    base['create-mcp-sse.json'] = `${JSON.stringify({ ...record, ...facts }, null, 2)}\n`;
  }
  const ours = { ...base };
  owner?.(ours);
  mkdirSync(directory, { recursive: true });
  writeTree(directory, ours);
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t', ...args], {
      cwd: directory,
      encoding: 'utf8',
    });
  execFileSync('git', ['init', '--quiet', root]);
  const commit = () => {
    git('add', '--all');
    git('commit', '--quiet', '--allow-empty', '--message', 'mine');
  };
  commit();

  const plan = (flags: Partial<Answers> = {}, options: { signal?: AbortSignal; run?: Run } = {}) =>
    planUpdate(
      { directory, install: false, verify: false, ...flags },
      { run: published(made, base), ...options },
    );
  return {
    root,
    directory,
    base,
    git,
    commit,
    plan,
    /** Updates, and says what was done to each file. */
    async update(flags: Partial<Answers> = {}) {
      const done = await (await plan(flags)).make();
      return { ...done, actions: Object.fromEntries(done.files.map(({ path, action }) => [path, action])) };
    },
    read: (path: string) => readFileSync(join(directory, path), 'utf8'),
    write: (path: string, text: string) => writeTree(directory, { [path]: text }),
  };
}

/** Runs programs, but for the install of the earlier version, which it makes up. */
function published(version: string, base: Files): Run {
  const run = createRun();
  return async (command, args, options) => {
    if (!args.includes(`create-mcp-sse@${version}`)) return run(command, args, options);
    const dist = join(options.cwd, 'node_modules/create-mcp-sse/dist');
    mkdirSync(dist, { recursive: true });
    writeFileSync(join(dist, 'files.json'), JSON.stringify(base));
    writeFileSync(
      join(dist, 'index.js'),
      `import { readFileSync } from 'node:fs';
      const files = JSON.parse(readFileSync(new URL('files.json', ${JSON.stringify(pathToFileURL(`${dist}/`).href)}), 'utf8'));
      export const renderRecord = async () =>
        new Map(Object.entries(files).map(([path, text]) => [path, { content: Buffer.from(text) }]));`,
    );
    writeFileSync(join(options.cwd, 'node_modules/create-mcp-sse/package.json'), '{"type":"module"}');
    return '';
  };
}

/** A text with one of its lines changed, or with lines put before it. */
export function withLine(text: string | undefined, index: number, change: (line: string) => string): string {
  const lines = (text ?? '').split('\n');
  lines[index] = change(lines[index] ?? '');
  return lines.join('\n');
}

export { generatorVersion };
