import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import Handlebars from 'handlebars';
import { clientSettings, withoutScope } from '../../templates/shared/src/pages/client-settings.ts';
import {
  type Answers,
  completeAnswers,
  type Given,
  parseGiven,
  recordFile,
  splitRecord,
  writeRecord,
} from '../answers/index.ts';
import { generatorVersion, templatesFolder } from '../version.ts';
import { credentialHeader } from './credential-header.ts';
import { environmentFile } from './environment-file.ts';
import { layersOf, readLayer } from './layers.ts';
import { localOrigin } from './local-origin.ts';
import { composePackage, type PackagePart } from './package-json.ts';
import { installCommand, packageManagers, scriptPrefix } from './package-managers.ts';
import { settingsTable } from './settings-table.ts';

export interface RenderedFile {
  content: Buffer;
  /** Permission bits, if they are not the usual ones. */
  mode?: number;
}

/** The project's files by their path, in alphabetical order. Paths have `/` between their parts on every system. */
export type RenderedFiles = Map<string, RenderedFile>;

/**
 * Renders the project's files in memory. The same answers, secret and templates give the same bytes.
 *
 * @param options.secret what `.env` gets as the JWT secret or the API key; see {@link makeSecret}
 * @param options.templates the folder with the layers. Default: those of this package
 * @throws if a template uses a name that does not exist
 */
export async function render(
  answers: Answers,
  { secret, templates = templatesFolder }: { secret: string; templates?: string },
): Promise<RenderedFiles> {
  const layers = layersOf(answers).map((name) => readLayer(join(templates, name)));
  const handlebars = Handlebars.create();
  handlebars.registerHelper('json', (value: unknown) => JSON.stringify(value));
  for (const [name, partial] of layers.flatMap((layer) => [...layer.partials])) {
    handlebars.registerPartial(name, partial);
  }

  const values = templateValues(answers, secret);
  const files: RenderedFiles = new Map();
  const parts: PackagePart[] = [];
  for (const [path, content] of layers.flatMap((layer) => [...layer.files])) {
    if (path === 'package.json') {
      parts.push(JSON.parse(content.toString()));
    } else if (path.endsWith('.hbs')) {
      const template = handlebars.compile(content.toString(), { strict: true, noEscape: true });
      files.set(outputPath(path.slice(0, -'.hbs'.length)), { content: Buffer.from(template(values)) });
    } else {
      files.set(outputPath(path), { content });
    }
  }

  files.set('package.json', { content: Buffer.from(composePackage(parts, answers.name)) });
  for (const [path, text] of Object.entries(packageManagers[answers.packageManager].files)) {
    files.set(path, { content: Buffer.from(text) });
  }
  const environment = files.get('.env');
  if (environment) environment.mode = 0o600; // it holds the secret

  const generator = `create-mcp-sse@${generatorVersion}`;
  const record = writeRecord(answers, { generator, rendered: digestOf(inOrder(files)) });
  files.set(recordFile, { content: Buffer.from(record) });
  return inOrder(files);
}

function inOrder(files: RenderedFiles): RenderedFiles {
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Tells whether two renderings are the same, secrets apart. */
function digestOf(files: RenderedFiles): string {
  const hash = createHash('sha256');
  for (const [path, { content }] of files) {
    if (path !== environmentFile) hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return `sha256-${hash.digest('base64url')}`;
}

/**
 * Renders the files of a project again from what its record says, with a secret that is none. Every version of this
 * package keeps this function: a later one calls it to update a project that this one has made.
 *
 * @param record the parsed record, checked here
 * @throws {CreateError} bad_input, if an answer is not valid
 */
export async function renderRecord(record: Given): Promise<RenderedFiles> {
  const { given } = splitRecord(record);
  const answers = completeAnswers(parseGiven(given, recordFile), { cwd: '/', packageManager: 'npm' });
  return render(answers, { secret: '' });
}

/** A new secret for `.env`, as the auth type needs it: 384 bits for JWT, 256 bits for an API key. */
export function makeSecret(auth: Answers['auth']): string {
  const bytes = { jwt: 48, apikey: 32, custom: 0, none: 0 }[auth];
  return randomBytes(bytes).toString('base64url');
}

/** Everything that a template may use. All of it is always defined, since an unknown name stops the rendering. */
function templateValues(answers: Answers, secret: string) {
  const { auth, name, relay, packageManager } = answers;
  return {
    ...answers,
    jwt: auth === 'jwt',
    apikey: auth === 'apikey',
    custom: auth === 'custom',
    none: auth === 'none',
    redisRelay: relay === 'redis',
    origin: localOrigin(answers),
    shortName: withoutScope(name),
    run: scriptPrefix(packageManager),
    npm: packageManager === 'npm',
    bun: packageManager === 'bun',
    install: installCommand(packageManager),
    update: `${packageManagers[packageManager].create} update`,
    add: `${packageManagers[packageManager].create} add`,
    clean: packageManagers[packageManager].clean,
    secret,
    settings: settingsTable(answers),
    clients: clientSettings({
      name,
      url: localOrigin(answers) + answers.endpoint,
      messageUrl: localOrigin(answers) + answers.messageEndpoint,
      header: credentialHeader(auth),
    }),
  };
}

/** `_gitignore` becomes `.gitignore`: npm omits or renames some dot files when it packs the templates. */
function outputPath(path: string): string {
  return path.replace(/(^|\/)_/g, '$1.');
}
