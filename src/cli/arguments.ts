import { Command, CommanderError, Option } from 'commander';
import {
  type Answers,
  type AnyQuestion,
  allQuestions,
  flagName,
  type Given,
  parseGiven,
} from '../answers/index.ts';
import { CreateError, exitStatuses } from '../errors.ts';
import { generatorVersion } from '../version.ts';
import { readNpmOptions } from './npm-options.ts';

/** How the command runs. The answers say what it creates. */
export interface RunSettings {
  yes: boolean;
  config?: string;
  dryRun: boolean;
  json: boolean;
}

/** The flags that are not answers. */
export const runFlags = [
  ['-y, --yes', 'ask nothing; take the default for what no flag answers'],
  ['--config <file>', 'take answers from a saved record, create-mcp-sse.json; flags win over it'],
  ['--dry-run', 'show what would be done to each file, but write nothing'],
  ['--json', 'print one JSON object and nothing else; implies --yes'],
] as const;

export type Arguments =
  | { print: string }
  | {
      print?: undefined;
      given: Partial<Answers>;
      settings: RunSettings;
      /** The keys of the options on the command line. */
      typed: string[];
    };

/**
 * Reads the command line.
 *
 * @returns the answers that flags give and how to run; for --help and --version only the text to print
 * @throws {CreateError} bad_input
 */
export function readArguments(argv: readonly string[], env: NodeJS.ProcessEnv): Arguments {
  const command = buildCommand();
  let print = '';
  command.exitOverride().configureOutput({
    writeOut: (text) => {
      print += text;
    },
    writeErr: () => {}, // the error says what is wrong
  });
  try {
    command.parse(withoutSeparators(argv), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { print };
    throw explain(error);
  }

  const { options, words } = readNpmOptions(command.args, env);
  const [directory, ...excess] = words;
  if (excess.length > 0) throw tooManyWords(env);
  const typed = command.opts();
  const { yes = false, dryRun = false, json = false, config, ...flags } = { ...options, ...typed };
  return {
    given: parseGiven({ ...flags, directory } as Given),
    settings: { yes, dryRun, json, ...(config !== undefined && { config }) },
    typed: Object.keys(typed),
  };
}

/** Whether a failure must be printed as JSON, even one of reading the arguments. */
export function wantsJson(argv: readonly string[]): boolean {
  return argv.includes('--json');
}

function buildCommand(): Command {
  const command = new Command('create-mcp-sse')
    .description('Creates a complete MCP server over Server-Sent Events, and proves that it works.')
    .allowExcessArguments(true) // npm may have separated an option from its value
    .helpOption('-h, --help', 'print this help')
    .version(generatorVersion, '-v, --version', 'print the version')
    .configureHelp({
      helpWidth: Math.min(process.stdout.columns ?? 100, 100),
      // One line for both forms of a flag.
      optionTerm: ({ flags }) =>
        allQuestions.find(({ flag }) => flag.replace('[no-]', '') === flags)?.flag ?? flags,
    })
    .addHelpText('after', helpFooter);

  for (const question of allQuestions) {
    if (question.flag.startsWith('[')) {
      command.argument(question.flag, helpOf(question));
    } else if (question.flag.includes('[no-]')) {
      command.option(question.flag.replace('[no-]', ''), helpOf(question));
      command.addOption(new Option(question.flag.replace('[no-]', 'no-')).hideHelp());
    } else {
      command.option(question.flag, helpOf(question));
    }
  }
  for (const [flag, help] of runFlags) command.option(flag, help);
  return command;
}

const helpFooter = `
Without a terminal, in CI and with --yes nothing is asked: what no flag answers takes its default.

Examples:
  create-mcp-sse my-server --yes
  create-mcp-sse my-server --auth jwt --port 9000 --no-git
  create-mcp-sse . --existing merge --dry-run
  create-mcp-sse other-server --config my-server/create-mcp-sse.json

In a project:
  create-mcp-sse update [directory] [flags]         brings it to this version, and to other answers
  create-mcp-sse add tool|resource|prompt NAME      adds one, its test and its registration

Exit status:
${Object.entries(exitStatuses)
  .map(([status, meaning]) => `  ${status.padEnd(4)} ${meaning}`)
  .join('\n')}
`;

function helpOf({ title, type, default: value, defaultInWords }: AnyQuestion): string {
  const shownDefault = defaultInWords ?? String(value);
  if (type.prompt === 'confirm') return `${title} (default: ${value ? 'on' : 'off'})`;
  return `${title}: ${choicesInWords(type.choices) ?? type.mustBe} (default: ${shownDefault})`;
}

function choicesInWords(choices: Readonly<Record<string, string>> | undefined): string | undefined {
  if (choices === undefined) return undefined;
  return Object.entries(choices)
    .map(([choice, meaning]) => (meaning === '' ? choice : `${choice} (${meaning})`))
    .join(', ');
}

/**
 * Removes the `--` that some package managers pass on: `pnpm create mcp-sse my-server -- --port 9000`. It stays before a
 * word that only looks like a flag, where it says that the word is a directory with a leading dash.
 */
function withoutSeparators(argv: readonly string[]): string[] {
  return argv.filter((word, index) => {
    const next = argv[index + 1];
    return word !== '--' || (next?.startsWith('-') && !isFlag(next));
  });
}

/** Whether a word is one of the flags, with a value or without. */
function isFlag(word: string): boolean {
  return [
    ...allQuestions.map(({ flag }) => flag),
    ...runFlags.map(([flag]) => flag),
    '-h, --help',
    '-v, --version',
  ]
    .flatMap((flag) => [flag.replace('[no-]', ''), flag.replace('[no-]', 'no-')])
    .flatMap((flag) => flag.replace(/ <.*/, '').split(', '))
    .includes(word.replace(/=.*/s, ''));
}

function explain(error: CommanderError): CreateError {
  const [, name = ''] = /'(.*?)'/s.exec(error.message) ?? [];
  const flag = name.replace(/ <.*/, '').replace(/^.*, /, '');
  switch (error.code) {
    case 'commander.unknownOption': {
      // A flag that is known and takes a value would have been recognised.
      if (isFlag(flag)) return new CreateError('bad_input', `${flag} takes no value`, { flag });
      const [, similar] = /Did you mean (.*)\?/.exec(error.message) ?? [];
      const hint = similar === undefined ? '--help lists the options' : `did you mean ${similar}?`;
      return new CreateError('bad_input', `${flag} is not an option; ${hint}`, { flag });
    }
    case 'commander.optionMissingArgument': {
      const question = allQuestions.find((one) => flagName(one) === flag);
      const value = question?.type.mustBe ?? 'a file';
      return new CreateError('bad_input', `${flag} must be followed by ${value}`, { flag });
    }
    default:
      return new CreateError('bad_input', error.message.replace(/^error: /, ''), {});
  }
}

function tooManyWords({ npm_config_user_agent: agent = '' }: NodeJS.ProcessEnv): CreateError {
  const remedy = agent.startsWith('yarn/1.')
    ? 'Yarn 1 splits a path at its spaces'
    : 'quote a path with spaces, and with npm put -- before the options';
  return new CreateError('bad_input', `only one directory can be given; ${remedy}`, { flag: 'directory' });
}
