import { basename, resolve } from 'node:path';
import { byteSize, hostName, urlPath, wholeNumber } from '../../templates/shared/src/settings/kinds.ts';
import {
  type AnswerType,
  confirm,
  directoryPath,
  multiselect,
  packageName,
  select,
  text,
  toPackageName,
} from './answer-types.ts';

const packageManagers = { npm: '', pnpm: '', yarn: '', bun: '' };

export type PackageManager = keyof typeof packageManagers;

/** What defaults depend on besides the answers. */
export interface Context {
  /** The directory that relative paths start from. */
  cwd: string;
  /** The package manager that started the command. */
  packageManager: PackageManager;
}

export interface Question<T = unknown> {
  /** Its name among the answers and in the config file. */
  readonly key: string;
  /** As it is typed: `--port <number>`, `--[no-]git`, or `[directory]` for the one without a flag. */
  readonly flag: string;
  /** A few words for the help, the summary and the README. */
  readonly title: string;
  /** The prompt. A question without one is never asked in a terminal. */
  readonly message?: string;
  /** Asked only if the user wants to see more options. */
  readonly more?: true;
  readonly type: AnswerType<T>;
  readonly default: T | ((known: Known, context: Context) => T);
  /** The default in words, if it is not a fixed value. */
  readonly defaultInWords?: string;
  /** When the question has a meaning. If it has none, `empty` is its answer, and any other must be what `mustBe` says. */
  readonly when?: { holds(known: Known): boolean; mustBe: string; empty: T };
  /** Whether the generated files depend on it. If so, the project's record has it. */
  readonly recorded: boolean;
}

/** Everything the command asks, in order: a default may depend on the answers before it. */
export const questions = [
  {
    key: 'directory',
    flag: '[directory]',
    title: 'where',
    message: 'Where should the server be created?',
    type: text(directoryPath()),
    default: 'my-mcp-server',
    recorded: false,
  },
  {
    key: 'port',
    flag: '--port <number>',
    title: 'port',
    message: 'Which port should it listen on?',
    type: text(wholeNumber({ min: 1, max: 65535 })),
    default: 8080,
    recorded: true,
  },
  {
    key: 'endpoint',
    flag: '--endpoint <path>',
    title: 'SSE endpoint',
    message: 'Where do clients open the event stream?',
    type: text(urlPath()),
    default: '/sse',
    recorded: true,
  },
  {
    key: 'messageEndpoint',
    flag: '--message-endpoint <path>',
    title: 'message endpoint',
    message: 'Where do clients POST their messages?',
    type: text(urlPath()),
    default: '/messages',
    recorded: true,
  },
  {
    key: 'maxMessageSize',
    flag: '--max-message-size <size>',
    title: 'largest message',
    message: 'How large may a message be?',
    type: text(byteSize({ min: '1kb', max: '256mb' })),
    default: '4mb',
    recorded: true,
  },
  {
    key: 'auth',
    flag: '--auth <type>',
    title: 'auth type',
    message: 'How do clients prove who they are?',
    type: select({
      apikey: 'a key in the X-API-Key header',
      jwt: 'a signed bearer token',
      custom: 'a provider of your own',
      none: 'not at all, so on this machine only',
    }),
    default: 'apikey',
    recorded: true,
  },
  {
    key: 'protect',
    flag: '--protect <endpoints>',
    title: 'protected endpoints',
    message: 'Which endpoints need a credential?',
    type: multiselect({ sse: 'the event stream', messages: 'messages, and Streamable HTTP' }),
    default: ['sse', 'messages'],
    when: {
      holds: ({ auth }) => auth !== 'none',
      mustBe: 'left out with --auth none, which protects nothing',
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
    type: text(packageName()),
    default: ({ directory = '' }: Known, { cwd }: Context) =>
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
    type: confirm(),
    default: true,
    recorded: true,
  },
  {
    key: 'relay',
    flag: '--relay <type>',
    title: 'relay between processes',
    message: 'Will it run on more than one machine?',
    more: true,
    type: select({
      none: 'no, one process holds every session',
      redis: 'yes, processes pass messages on through Redis',
    }),
    default: 'none',
    recorded: true,
  },
  {
    key: 'host',
    flag: '--host <address>',
    title: 'bind address',
    type: text(hostName()),
    default: '127.0.0.1',
    recorded: true,
  },
  {
    key: 'packageManager',
    flag: '--package-manager <name>',
    title: 'package manager',
    message: 'Which package manager?',
    more: true,
    type: select(packageManagers),
    default: (_known: Known, { packageManager }: Context) => packageManager,
    defaultInWords: 'the one that ran the command, else npm',
    // The README and the workflow of the project name its commands.
    recorded: true,
  },
  {
    key: 'install',
    flag: '--[no-]install',
    title: 'install the dependencies',
    type: confirm(),
    default: true,
    recorded: false,
  },
  {
    key: 'verify',
    flag: '--[no-]verify',
    title: 'build the project, run its tests and start it',
    type: confirm(),
    default: true,
    recorded: false,
  },
  {
    key: 'git',
    flag: '--[no-]git',
    title: 'create a git repository, unless inside one',
    type: confirm(),
    default: true,
    recorded: false,
  },
  {
    key: 'existing',
    flag: '--existing <choice>',
    title: 'directory not empty',
    type: select({
      abort: 'change nothing',
      merge: 'keep the files that are there',
      overwrite: 'replace files that the template has too, but never .env',
    }),
    default: 'abort',
    defaultInWords: 'ask; without a terminal `abort`',
    recorded: false,
  },
] as const satisfies readonly UntypedQuestion[];

// biome-ignore lint/suspicious/noExplicitAny: a question with any type of answer; Answers has the precise ones
type UntypedQuestion = Question<any>;

type Table = (typeof questions)[number];

type Value<Q extends Table> = Q['type'] extends AnswerType<infer T> ? T : never;

/** One answer to every question. */
export type Answers = { [Q in Table as Q['key']]: Value<Q> };

export type AnswerKey = keyof Answers;

/** A question of the table, with any type of answer. */
export type AnyQuestion = UntypedQuestion & { readonly key: AnswerKey };

/** The answers so far. */
export type Known = {
  directory?: string;
  auth?: string;
  [key: string]: unknown;
};

/** The questions without the precise types of the table, for code that treats all of them alike. */
export const allQuestions: readonly AnyQuestion[] = questions;

/** The flag without its value: `--port`, `--no-git` for an answer of false, `directory`. */
export function flagName(question: AnyQuestion, value?: unknown): string {
  const name = question.flag.replace(/ <.*/, '').replace(/^\[(.*)\]$/, '$1');
  return name.replace('[no-]', value === false ? 'no-' : '');
}

export function defaultOf(question: AnyQuestion, known: Known, context: Context): unknown {
  return typeof question.default === 'function' ? question.default(known, context) : question.default;
}

export function questionOf(key: AnswerKey): AnyQuestion {
  const question = allQuestions.find((one) => one.key === key);
  if (question === undefined) throw new Error(`no question ${key}`);
  return question;
}
