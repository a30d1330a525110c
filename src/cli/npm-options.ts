import { type AnyQuestion, allQuestions, flagName } from '../answers/index.ts';
import { CreateError } from '../errors.ts';

/** Options that npm took for its own, since `npm create mcp-sse x --port 9000` lacks a `--` before them. */
export interface NpmOptions {
  /** By the keys of answers, and `config`. */
  options: Record<string, unknown>;
  /** The words that are not the value of such an option. */
  words: readonly string[];
}

/** npm has settings of these names, so the user may not have meant ours. `--auth` is short for its `--auth-type`. */
const npmsOwn = ['--yes', '--json', '--dry-run', '--git', '--name'];

/** The form for npm in which every option arrives. */
const npxForm = 'npx create-mcp-sse@latest my-server';

interface Option {
  key: string;
  flag: string;
  isSwitch: boolean;
  /** Whether a word can be its value. */
  fits(word: string): boolean;
}

const options: readonly Option[] = [
  ...allQuestions.filter((question) => question.flag.startsWith('--')).map(asOption),
  { key: 'config', flag: '--config', isSwitch: false, fits: () => true },
];

/**
 * Reads what npm exports of the options that it took: `--port 9000` as `npm_config_port=true` with 9000 as a further
 * word, `--port=9000` as `npm_config_port=9000`, `--no-install` as an empty `npm_config_install`.
 *
 * @param words those that are not options
 * @throws {CreateError} bad_input, if it does not tell which word belongs to which option
 */
export function readNpmOptions(words: readonly string[], env: NodeJS.ProcessEnv): NpmOptions {
  const found: Record<string, unknown> = {};
  const withoutValue: Option[] = [];
  for (const option of isNpm(env) ? options : []) {
    const value = exported(option.flag, env);
    if (value === undefined || npmsOwn.includes(option.flag)) continue;
    if (option.isSwitch) found[option.key] = value === 'true';
    else if (value === 'true') withoutValue.push(option);
    else found[option.key] = value;
  }

  const [assigned, another] = assignments(words, withoutValue);
  const [taken] = withoutValue;
  if (taken !== undefined && (assigned === undefined || another !== undefined)) throw takenByNpm(taken.flag);
  return assigned === undefined
    ? { options: found, words }
    : { options: { ...found, ...assigned.options }, words: assigned.words };
}

/**
 * What the user should know of options that npm keeps for itself.
 *
 * @param flags the keys of the options that arrived
 * @throws {CreateError} bad_input, if files would be written although the user asked for a dry run
 */
export function npmHints(flags: readonly string[], env: NodeJS.ProcessEnv): string[] {
  if (!isNpm(env) || env.npm_command !== 'init') return [];
  if (exported('--dry-run', env) === 'true' && !flags.includes('dryRun')) throw takenByNpm('--dry-run');
  const kept = npmsOwn.filter((flag) => {
    const value = exported(flag, env);
    if (flag === '--dry-run' || flags.includes(flag.slice(2))) return false;
    if (flag === '--git') return value === 'false'; // else it is the path of a program
    return flag === '--name' ? value !== undefined : value === 'true';
  });
  return kept.map((flag) => {
    const shown = flag === '--git' ? '--no-git' : flag;
    return `npm took ${shown} for its own, so it has no effect here (all options arrive with ${npxForm} ${shown})`;
  });
}

/** The only option of which npm keeps all trace. It matters if nothing is asked. */
export function lostAuth(flags: readonly string[], env: NodeJS.ProcessEnv): string[] {
  if (!isNpm(env) || env.npm_command !== 'init' || flags.length > 0) return [];
  return [`npm create drops --auth unless it follows -- (all options arrive with ${npxForm} --auth jwt)`];
}

/** Every way in which the words can be the values of these options, with at most one left for the directory. */
function assignments(
  words: readonly string[],
  open: readonly Option[],
  directory: string[] = [],
): NpmOptions[] {
  const [word, ...rest] = words;
  if (word === undefined) return open.length === 0 ? [{ options: {}, words: directory }] : [];
  const asValue = open
    .filter(({ fits }) => fits(word))
    .flatMap((option) => {
      const others = open.filter((other) => other !== option);
      return assignments(rest, others, directory).map((one) => ({
        ...one,
        options: { ...one.options, [option.key]: word },
      }));
    });
  const asDirectory = directory.length === 0 ? assignments(rest, open, [word]) : [];
  return [...asDirectory, ...asValue];
}

function asOption(question: AnyQuestion): Option {
  return {
    key: question.key,
    flag: flagName(question),
    isSwitch: question.type.prompt === 'confirm',
    fits: (word) => question.type.parse(word) !== undefined,
  };
}

function isNpm(env: NodeJS.ProcessEnv): boolean {
  return env.npm_config_user_agent?.startsWith('npm/') === true;
}

function exported(flag: string, env: NodeJS.ProcessEnv): string | undefined {
  return env[`npm_config_${flag.slice(2).replaceAll('-', '_')}`];
}

function takenByNpm(flag: string): CreateError {
  const remedy = `put -- before the options, or use ${npxForm} ${flag} ...`;
  return new CreateError('bad_input', `${flag} was taken by npm; ${remedy}`, { flag });
}
