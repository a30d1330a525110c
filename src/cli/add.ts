import { CreateError, printable } from '../errors.ts';
import { currentDirectory } from '../project/index.ts';
import { addToProject, mcpServerFile } from '../update/index.ts';
import { readArguments } from './arguments.ts';
import type { Terminal } from './update.ts';

/** Runs `create-mcp-sse add tool|resource|prompt NAME` in a project. */
export async function add(
  argv: readonly string[],
  { stdout, env }: Terminal,
  signal: AbortSignal,
): Promise<void> {
  if (argv.some((word) => word === '-h' || word === '--help')) {
    const { print } = readArguments(['--help'], env);
    stdout.write(print ?? '');
    return;
  }
  const json = argv.includes('--json');
  const [kind, name, ...excess] = argv.filter((word) => word !== '--' && word !== '--json');
  if (kind === undefined || name === undefined || excess.length > 0)
    throw new CreateError('bad_input', 'add must be followed by tool, resource or prompt, and one name', {});
  const added = await addToProject(kind, name, { cwd: currentDirectory(), signal });
  if (json) {
    stdout.write(`${JSON.stringify({ ok: true, ...added })}\n`);
    return;
  }
  const { files, toAdd, tested } = added;
  const lines = [
    ...files.map((file) => `${file === mcpServerFile ? 'changed' : 'added  '}  ${file}`),
    ...(toAdd.length === 0 ? [] : ['', `Add to ${mcpServerFile}:`, ...toAdd.map((line) => `  ${line}`)]),
    ...(tested ? ['', 'It compiles, and all tests pass.'] : []),
    ...(tested || toAdd.length > 0 ? [] : ['', 'Nothing is installed, so nothing was compiled or tested.']),
  ];
  stdout.write(`${lines.map(printable).join('\n')}\n`);
}
