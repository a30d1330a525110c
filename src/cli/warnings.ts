import { basename, resolve } from 'node:path';
import type { Answers } from '../answers/index.ts';
import { generatorVersion } from '../version.ts';

/** What the user should know of the answers before anything is written. */
export function warnings(
  answers: Answers,
  given: Partial<Answers>,
  recordGenerator: string | undefined,
): (string | undefined)[] {
  return [renamed(answers, given), outdated(recordGenerator), open(answers)];
}

function renamed({ directory, name }: Answers, given: Partial<Answers>): string | undefined {
  const folder = basename(resolve(directory));
  if (given.name !== undefined || folder === name) return undefined;
  return `${folder} is not a valid package name, so the package is called ${name} (--name changes it)`;
}

function outdated(recordGenerator: string | undefined): string | undefined {
  if (recordGenerator === undefined || recordGenerator === `create-mcp-sse@${generatorVersion}`)
    return undefined;
  return `the config file was written by ${recordGenerator}, and this is ${generatorVersion}: the files may differ`;
}

function open({ auth, streamableHttp, protect }: Answers): string | undefined {
  if (auth === 'none' || !streamableHttp || protect.includes('messages')) return undefined;
  return (
    `--protect ${protect} leaves Streamable HTTP open: anyone can call tools on /mcp without a credential ` +
    '(--protect sse,messages or --no-streamable-http prevents it)'
  );
}
