import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Handlebars from 'handlebars';
import { localOrigin } from './answers.js';
import { packageManagers, scriptPrefix } from './package-managers.js';
import { settingsTable } from './project/settings-table.ts';
import type { Answers } from './questions.js';
import { recordFile, writeRecord } from './record.js';
import { generatorVersion, templatesFolder } from './version.js';

export interface RenderedFile {
  content: Buffer;
  /** Permission bits, where they are not the usual ones. */
  mode?: number;
}

/** The project's files by their path, with `/` between its parts on every system, in alphabetical order. */
export type RenderedFiles = Map<string, RenderedFile>;

/** Parts of a layer that are not output. */
const notOutput = new Set(['node_modules', 'dist', 'tsconfig.layer.json']);

/**
 * Makes the project's files in memory. The same answers, secret and templates give the same bytes.
 *
 * @param options.secret what goes into `.env` as the JWT secret or the API key; see {@link makeSecret}
 * @param options.templates the folder that holds the layers. Default: those of this package
 * @throws when a template names a value that does not exist
 */
export async function render(
  answers: Answers,
  { secret, templates = templatesFolder }: { secret: string; templates?: string },
): Promise<RenderedFiles> {
  const layers = layersOf(answers).map((name) => readLayer(join(templates, name)));
  const handlebars = Handlebars.create();
  handlebars.registerHelper('json', (value: unknown) => JSON.stringify(value));
  for (const [path, content] of layers.flatMap((layer) => [...layer.partials])) {
    handlebars.registerPartial(path.replace(/\.md\.hbs$/, ''), content.toString());
  }

  const context = templateContext(answers, secret);
  const files: RenderedFiles = new Map();
  const parts: PackagePart[] = [];
  for (const [path, content] of layers.flatMap((layer) => [...layer.files])) {
    if (path === 'package.json') {
      parts.push(JSON.parse(content.toString()));
    } else if (path.endsWith('.hbs')) {
      const template = handlebars.compile(content.toString(), { strict: true, noEscape: true });
      files.set(outputPath(path.slice(0, -'.hbs'.length)), { content: Buffer.from(template(context)) });
    } else {
      files.set(outputPath(path), { content });
    }
  }

  files.set('package.json', { content: Buffer.from(composePackage(parts, answers.name)) });
  files.set(recordFile, { content: Buffer.from(writeRecord(answers, generatorVersion)) });
  for (const [path, text] of Object.entries(packageManagers[answers.packageManager].files)) {
    files.set(path, { content: Buffer.from(text) });
  }
  const environment = files.get('.env');
  if (environment) environment.mode = 0o600; // it holds the secret

  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A new secret for `.env`, as the auth type needs it: 384 bits for a JWT secret, 256 for an API key. */
export function makeSecret(auth: Answers['auth']): string {
  const bytes = { jwt: 48, apikey: 32, custom: 0, none: 0 }[auth];
  return randomBytes(bytes).toString('base64url');
}

/** The layers of a project. One laid later replaces the files of those before it. */
function layersOf({ auth, streamableHttp, relay }: Answers): string[] {
  return [
    'shared',
    ...(auth === 'none' ? [] : ['credentials']),
    `sse-${auth}`,
    ...(streamableHttp ? ['streamable-http'] : []),
    ...(relay === 'redis' ? ['redis-relay'] : []),
  ];
}

/** Everything a template may name. All are always there: a name that is not stops the rendering. */
function templateContext(answers: Answers, secret: string) {
  const { auth, name, protect, relay, packageManager } = answers;
  return {
    ...answers,
    jwt: auth === 'jwt',
    apikey: auth === 'apikey',
    custom: auth === 'custom',
    none: auth === 'none',
    protectList: protect.join(','),
    redisRelay: relay === 'redis',
    /** Where clients on this machine reach the server. */
    origin: localOrigin(answers),
    /** What clients call the server: they take no scope in a name. */
    shortName: name.replace(/^@.*\//, ''),
    run: scriptPrefix(packageManager),
    install: [packageManager, ...packageManagers[packageManager].install].join(' '),
    clean: packageManagers[packageManager].clean,
    secret,
    settings: settingsTable(answers),
    generatorVersion,
  };
}

type Layer = { files: Map<string, Buffer>; partials: Map<string, Buffer> };

/** Many small files: read one after the other, without waiting for threads, they are there in half the time. */
function readLayer(folder: string): Layer {
  const layer: Layer = { files: new Map(), partials: new Map() };
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const segments = join(entry.parentPath, entry.name)
      .slice(folder.length + 1)
      .split(/[/\\]/);
    if (segments.some((segment) => notOutput.has(segment))) continue;
    const content = readFileSync(join(entry.parentPath, entry.name));
    if (segments[0] === 'partials') layer.partials.set(segments.slice(1).join('/'), content);
    else layer.files.set(segments.join('/'), content);
  }
  return layer;
}

/** `_gitignore` becomes `.gitignore`: npm leaves out or renames some files with a dot when it packs the templates. */
function outputPath(path: string): string {
  return path.replace(/(^|\/)_/g, '$1.');
}

interface PackagePart {
  private?: boolean;
  type?: string;
  engines?: Record<string, string>;
  scripts?: Record<string, string>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

/** Lays the layers' parts of package.json one over another. */
function composePackage(parts: PackagePart[], name: string): string {
  const [shared = {}] = parts;
  const united = (key: 'scripts' | 'dependencies' | 'devDependencies') =>
    Object.assign({}, ...parts.map((part) => part[key]));
  const sorted = (packages: Record<string, string>) =>
    Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)));

  const composed = {
    name,
    version: '0.1.0',
    private: shared.private,
    type: shared.type,
    engines: shared.engines,
    scripts: united('scripts'),
    dependencies: sorted(united('dependencies')),
    devDependencies: sorted(united('devDependencies')),
  };
  return `${JSON.stringify(composed, null, 2)}\n`;
}
