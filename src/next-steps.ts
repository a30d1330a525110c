import { isAbsolute, relative } from 'node:path';
import { localOrigin } from './answers.js';
import type { KeptFiles } from './kept-files.js';
import { type PackageManager, packageManagers, scriptPrefix } from './package-managers.js';
import type { Answers } from './questions.js';
import { quote, type Shell } from './quote.js';

/** What the user does with the finished project, and what a client needs to know of it. */
export interface NextSteps extends KeptFiles {
  /** To be typed one after the other. */
  commands: string[];
  urls: { sse: string; messages: string; streamableHttp?: string; health: string };
  /** The header that carries the credential, if there is one. */
  header?: { name: string; value: string };
  /** What stands for the credential in `header`, and how to get it, when it is not the credential itself. */
  credential?: string;
  /** Adds the server to Claude Code. */
  claudeCode: string;
  /** The same for the clients that are configured by a file. */
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
  const name = answers.name.replace(/^@.*\//, '');
  const headerFlag = header ? ` --header "${header.name}: ${header.value}"` : '';

  return {
    ...kept,
    commands: [
      ...enterDirectory(directory, cwd, shell),
      ...(installed ? [] : [installCommand(answers.packageManager)]),
      ...(built ? [] : [`${scriptPrefix(answers.packageManager)} build`]),
      startCommand(answers.packageManager),
    ],
    urls: {
      sse: url,
      messages: base + answers.messageEndpoint,
      ...(answers.streamableHttp && { streamableHttp: `${base}/mcp` }),
      health: `${base}/health`,
    },
    ...(header && { header }),
    ...(credential !== undefined && { credential }),
    claudeCode: `claude mcp add --transport sse ${name} ${url}${headerFlag}`,
    clientConfig: {
      mcpServers: {
        [name]: { type: 'sse', url, ...(header && { headers: { [header.name]: header.value } }) },
      },
    },
  };
}

/** Message of the first commit. */
export const firstCommit = 'Create the server with create-mcp-sse';

/** Going on after a failed step: the commands that do what is missing. */
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
    `${scriptPrefix(packageManager)} build`,
    `${scriptPrefix(packageManager)} test`,
    ...(remaining.git
      ? [
          'git init --initial-branch=main',
          'git add --all',
          `git commit --message ${quote(firstCommit, shell)}`,
        ]
      : []),
  ];
}

function credentialOf(
  { auth, packageManager }: Answers,
  env: string | undefined,
): Pick<NextSteps, 'header' | 'credential'> {
  switch (auth) {
    case 'apikey': {
      const key = firstApiKey(env);
      const header = { name: 'X-API-Key', value: key ?? '<key>' };
      return key === undefined
        ? { header, credential: '<key> stands for API_KEY in the .env file' }
        : { header };
    }
    case 'jwt':
      return {
        header: { name: 'Authorization', value: 'Bearer <token>' },
        credential: `<token> is printed by: ${tokenCommand(packageManager)}`,
      };
    case 'custom':
      return {
        header: { name: 'Authorization', value: 'Bearer <credential>' },
        credential: '<credential> is what your provider in src/auth/ accepts',
      };
    case 'none':
      return {};
  }
}

/** `API_KEY` holds one or several with commas, each `key` or `id:key`. */
function firstApiKey(env = ''): string | undefined {
  return /^API_KEY=["']?(?:[^"'\s,:]*:)?([^"'\s,]+)/m.exec(env)?.[1];
}

function tokenCommand(packageManager: PackageManager): string {
  const separator = packageManager === 'npm' ? '-- ' : ''; // the others hand on what they do not know
  return `${scriptPrefix(packageManager)} token ${separator}--sub me --expires-in 1h`;
}

function installCommand(packageManager: PackageManager): string {
  return [packageManager, ...packageManagers[packageManager].install].join(' ');
}

function startCommand(packageManager: PackageManager): string {
  return packageManager === 'npm' ? 'npm start' : `${scriptPrefix(packageManager)} start`;
}

function enterDirectory(directory: string, cwd: string, shell: Shell): string[] {
  const path = relative(cwd, directory);
  if (path === '') return [];
  const shown = path.startsWith('..') || isAbsolute(path) ? directory : path;
  return [`cd ${quote(shown.startsWith('-') ? `./${shown}` : shown, shell)}`];
}
