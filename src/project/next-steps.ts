import { isAbsolute, relative } from 'node:path';
import { clientSettings } from '../../templates/shared/src/pages/client-settings.ts';
import type { Answers, PackageManager } from '../answers/index.ts';
import { credentialHeader } from './credential-header.ts';
import { firstCommit } from './git.ts';
import type { KeptFiles } from './kept-files.ts';
import { localOrigin } from './local-origin.ts';
import { installCommand, scriptCommand } from './package-managers.ts';
import { quote, type Shell } from './quote.ts';

/** What to do with the finished project, and what a client needs to connect to it. */
export interface NextSteps extends KeptFiles {
  /** To type one after the other. */
  commands: string[];
  urls: { sse: string; messages: string; streamableHttp?: string; health: string };
  /** A page for people, where tools can be tried. */
  page: string;
  /** Where its owner writes what the server offers, and how that is tested. */
  own: { tools: string; register: string; shared: string; test: string };
  /** The header that carries the credential, if there is one. */
  header?: { name: string; value: string };
  /** How to get the credential, if `header` has a placeholder for it. */
  credential?: string;
  /** Adds the server to Claude Code. */
  claudeCode: string;
  /** Adds it to clients that have a configuration file. */
  clientConfig: {
    mcpServers: Record<string, { type: 'sse'; url: string; headers?: Record<string, string> }>;
  };
}

/** What the next steps depend on. */
interface Finished {
  answers: Answers;
  directory: string;
  cwd: string;
  shell: Shell;
  installed: boolean;
  built: boolean;
  /** The text of the project's `.env`, if it has one. */
  env: string | undefined;
  kept: KeptFiles;
}

export function nextSteps(finished: Finished): NextSteps {
  const { answers, directory, cwd, shell, installed, built, env, kept } = finished;
  const base = localOrigin(answers);
  const url = base + answers.endpoint;
  const { header, credential } = credentialOf(answers, env);
  const settings = clientSettings({
    name: answers.name,
    url,
    messageUrl: base + answers.messageEndpoint,
    header,
  });
  const textFor = (client: string) => settings.find((one) => one.client === client)?.text ?? '';

  return {
    ...kept,
    commands: [
      ...enterDirectory(directory, cwd, shell),
      ...(installed ? [] : [installCommand(answers.packageManager)]),
      ...(built ? [] : [scriptCommand(answers.packageManager, 'build')]),
      scriptCommand(answers.packageManager, 'start'),
    ],
    urls: {
      sse: url,
      messages: base + answers.messageEndpoint,
      ...(answers.streamableHttp && { streamableHttp: `${base}/mcp` }),
      health: `${base}/health`,
    },
    page: `${base}/`,
    own: {
      tools: 'src/tools/',
      register: 'src/mcp-server.ts',
      shared: 'src/app.ts',
      test: scriptCommand(answers.packageManager, 'test'),
    },
    ...(header && { header: { name: header.name, value: header.prefix + header.credential } }),
    ...(credential !== undefined && { credential }),
    claudeCode: textFor('Claude Code'),
    clientConfig: JSON.parse(textFor('Cline')),
  };
}

/** The commands that finish a project after a failed step. */
export function resumeCommands(
  { packageManager }: Answers,
  directory: string,
  cwd: string,
  shell: Shell,
  remaining: { install: boolean; git: boolean },
): string[] {
  return [
    ...enterDirectory(directory, cwd, shell),
    ...(remaining.install ? [installCommand(packageManager)] : []),
    scriptCommand(packageManager, 'build'),
    scriptCommand(packageManager, 'test'),
    ...(remaining.git
      ? [
          'git init --initial-branch=main',
          'git add --all',
          `git commit --message ${quote(firstCommit, shell)}`,
        ]
      : []),
  ];
}

/** The header with the credential in it, if that is known, and how to get it, if not. */
function credentialOf({ auth, packageManager }: Answers, env: string | undefined) {
  const header = credentialHeader(auth);
  const key = auth === 'apikey' ? firstApiKey(env) : undefined;
  if (header && key !== undefined) return { header: { ...header, credential: key } };
  const credential = {
    apikey: 'Replace <key> with API_KEY from the .env file',
    jwt: `Replace <token> with the output of: ${tokenCommand(packageManager)}`,
    custom: 'Replace <credential> with one that your provider in src/auth/ accepts',
    none: undefined,
  }[auth];
  return { header, credential };
}

/**
 * `API_KEY` holds one key or several with commas between them, each as `key`, `id:key` or `id:key:scope scope`.
 *
 * @returns undefined also for a key that a shell would read otherwise, since it becomes part of a command
 */
function firstApiKey(env = ''): string | undefined {
  const { quoted, bare = '' } =
    /^API_KEY=(?:(["'])(?<quoted>.*)\1|(?<bare>.*?))\s*$/m.exec(env)?.groups ?? {};
  const [first = ''] = (quoted ?? bare).split(',');
  const [idOrKey = '', key = idOrKey] = first.split(':');
  return /^[\w.~+/=@-]+$/.test(key) ? key : undefined;
}

function tokenCommand(packageManager: PackageManager): string {
  const separator = packageManager === 'npm' ? '-- ' : ''; // the others pass unknown options on
  return `${scriptCommand(packageManager, 'token')} ${separator}--sub me --expires-in 1h`;
}

function enterDirectory(directory: string, cwd: string, shell: Shell): string[] {
  const path = relative(cwd, directory);
  if (path === '') return [];
  const shown = path.startsWith('..') || isAbsolute(path) ? directory : path;
  return [`cd ${quote(shown.startsWith('-') ? `./${shown}` : shown, shell)}`];
}
