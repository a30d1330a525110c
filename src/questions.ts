import { basename, resolve } from 'node:path';
import {
  type Accepts,
  byteSize,
  directoryPath,
  hostName,
  listOf,
  oneOf,
  packageName,
  toPackageName,
  urlPath,
  wholeNumber,
  yesNo,
} from './accepts.js';
import type { PackageManager } from './package-managers.js';

/** What is known of the run beside the answers. */
export interface Surroundings {
  /** Relative directories start here. */
  cwd: string;
  /** The package manager that started the command. */
  packageManager: PackageManager;
}

export interface Question<T = unknown> {
  /** Its name among the answers and in the config file. */
  readonly key: string;
  /** As it is typed: `--port <number>`, `--[no-]git`, or `[directory]` for the one without a flag. */
  readonly flag: string;
  /** What it is about, in the help text and in the README. */
  readonly title: string;
  readonly accepts: Accepts<T>;
  readonly default: T | ((known: Known, surroundings: Surroundings) => T);
  /** The default in words, where it is not a fixed value. */
  readonly defaultInWords?: string;
  /** The prompt. Without one the question is never asked in a terminal. */
  readonly message?: string;
  /** Asked only of those who want to see more options. */
  readonly more?: true;
  /** Whether the answer has a meaning beside the others. Where it has none it is refused, and takes its empty value. */
  readonly when?: { holds(known: Known): boolean; otherwise: string; empty: T };
  /** True when the generated files depend on it: then it is kept in the project's record. */
  readonly recorded: boolean;
}

/** Everything the command asks. Prompts, flags, help, the config file and the README's table derive from it. */
export const questions = [
  {
    key: 'directory',
    flag: '[directory]',
    title: 'where',
    message: 'Where should the server be made?',
    accepts: directoryPath(),
    default: 'my-mcp-server',
    recorded: false,
  },
  {
    key: 'port',
    flag: '--port <number>',
    title: 'port',
    message: 'Which port should it listen on?',
    accepts: wholeNumber({ min: 1, max: 65535 }),
    default: 8080,
    recorded: true,
  },
  {
    key: 'endpoint',
    flag: '--endpoint <path>',
    title: 'SSE endpoint',
    message: 'Where do clients open the event stream?',
    accepts: urlPath(),
    default: '/sse',
    recorded: true,
  },
  {
    key: 'messageEndpoint',
    flag: '--message-endpoint <path>',
    title: 'message endpoint',
    message: 'Where do clients POST their messages?',
    accepts: urlPath(),
    default: '/messages',
    recorded: true,
  },
  {
    key: 'maxMessageSize',
    flag: '--max-message-size <size>',
    title: 'largest message',
    message: 'How large may a message be?',
    accepts: byteSize({ min: '1kb', max: '256mb' }),
    default: '4mb',
    recorded: true,
  },
  {
    key: 'auth',
    flag: '--auth <type>',
    title: 'auth type',
    message: 'How do clients prove who they are?',
    accepts: oneOf({
      apikey: 'a key in the X-API-Key header',
      jwt: 'a signed bearer token',
      custom: 'a provider of your own',
      none: 'no proof, so this machine only',
    }),
    default: 'apikey',
    recorded: true,
  },
  {
    key: 'protect',
    flag: '--protect <endpoints>',
    title: 'protected endpoints',
    message: 'Which endpoints ask for it?',
    accepts: listOf({ sse: 'opening the event stream', messages: 'posting messages, and Streamable HTTP' }),
    default: ['sse', 'messages'],
    when: {
      holds: ({ auth }) => auth !== 'none',
      otherwise: 'not accepted with --auth none, which protects nothing',
      empty: [],
    },
    recorded: true,
  },
  {
    key: 'name',
    flag: '--name <name>',
    title: 'package name',
    message: 'What is the package called?',
    more: true,
    accepts: packageName(),
    default: ({ directory = '' }: Known, { cwd }: Surroundings) =>
      toPackageName(basename(resolve(cwd, directory))) ?? 'my-mcp-server',
    defaultInWords: 'from the directory',
    recorded: true,
  },
  {
    key: 'streamableHttp',
    flag: '--[no-]streamable-http',
    title: 'Streamable HTTP too',
    message: 'Serve Streamable HTTP on /mcp too, for clients that no longer speak SSE?',
    more: true,
    accepts: yesNo(),
    default: true,
    recorded: true,
  },
  {
    key: 'relay',
    flag: '--relay <type>',
    title: 'more than one machine',
    message: 'Will it run on more than one machine?',
    more: true,
    accepts: oneOf({
      none: 'one process holds every session',
      redis: 'processes hand messages over through Redis',
    }),
    default: 'none',
    recorded: true,
  },
  {
    key: 'host',
    flag: '--host <address>',
    title: 'bind address',
    accepts: hostName(),
    default: '127.0.0.1',
    recorded: true,
  },
  {
    key: 'packageManager',
    flag: '--package-manager <name>',
    title: 'package manager',
    message: 'Which package manager?',
    more: true,
    accepts: oneOf({ npm: '', pnpm: '', yarn: '', bun: '' }),
    default: (_known: Known, { packageManager }: Surroundings) => packageManager,
    defaultInWords: 'the one that ran the command, else npm',
    // The README and the workflow of the project name its commands.
    recorded: true,
  },
  {
    key: 'install',
    flag: '--[no-]install',
    title: 'install the dependencies',
    accepts: yesNo(),
    default: true,
    recorded: false,
  },
  {
    key: 'verify',
    flag: '--[no-]verify',
    title: 'build the project and run its tests',
    accepts: yesNo(),
    default: true,
    recorded: false,
  },
  {
    key: 'git',
    flag: '--[no-]git',
    title: 'make a git repository, unless inside one',
    accepts: yesNo(),
    default: true,
    recorded: false,
  },
  {
    key: 'existing',
    flag: '--existing <choice>',
    title: 'directory not empty',
    accepts: oneOf({
      abort: 'change nothing',
      merge: 'keep the files that are there',
      overwrite: 'replace only the files that the template has, never .env',
    }),
    default: 'abort',
    defaultInWords: 'ask; without a terminal `abort`',
    recorded: false,
  },
] as const satisfies readonly UntypedQuestion[];

// biome-ignore lint/suspicious/noExplicitAny: a question of any type of answer; Answers has each one's own
type UntypedQuestion = Question<any>;

type Table = (typeof questions)[number];

type Value<Q extends Table> = Q['accepts'] extends Accepts<infer T> ? T : never;

/** One answer to every question. */
export type Answers = { [Q in Table as Q['key']]: Value<Q> };

export type AnswerKey = keyof Answers;

/** One of the table, whatever its type of answer. */
export type AnyQuestion = UntypedQuestion & { readonly key: AnswerKey };

/** The answers so far. */
export type Known = {
  directory?: string;
  auth?: string;
  [key: string]: unknown;
};

/** The questions without the precise types of the table, for code that treats them all alike. */
export const allQuestions: readonly AnyQuestion[] = questions;

/** The flag without its value: `--port`, `--no-git` for an answer of false, `directory`. */
export function flagName(question: AnyQuestion, value?: unknown): string {
  const name = question.flag.replace(/ <.*/, '').replace(/^\[(.*)\]$/, '$1');
  return name.replace('[no-]', value === false ? 'no-' : '');
}

export function defaultOf(question: AnyQuestion, known: Known, surroundings: Surroundings): unknown {
  return typeof question.default === 'function' ? question.default(known, surroundings) : question.default;
}
