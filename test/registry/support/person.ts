import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { inject } from 'vitest';
import { writeTree } from '../../fixtures/files.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';
import { configure, linkPrograms, type Manager } from './managers.ts';

/** Where and how a person works: a folder of their own, and one package manager. */
export function person(manager: Manager) {
  const root = temporaryDirectory();
  const [home, bin, cwd] = ['home', 'bin', 'work'].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  configure(home, inject('registry'), manager);
  linkPrograms(manager, bin);
  mkdirSync(cwd);
  writeTree(home, { '.gitconfig': '[user]\n\tname = t\n\temail = t\n' });
  const env = {
    PATH: `${bin}:${process.env.PATH}`,
    HOME: home,
    NODE_EXTRA_CA_CERTS: process.env.NODE_EXTRA_CA_CERTS,
  };
  return {
    home,
    cwd,
    env,
    /** Types a line into a shell, and waits for its end. */
    async types(line: string) {
      const { exitCode, stdout, stderr } = await execa('sh', ['-c', line], {
        cwd,
        env,
        extendEnv: false,
        stdin: 'ignore',
        reject: false,
      });
      return { exitCode, stdout, stderr, all: `${stdout}\n${stderr}` };
    },
    record: (directory: string) =>
      JSON.parse(readFileSync(join(cwd, directory, 'create-mcp-sse.json'), 'utf8')),
  };
}

/** As the README and the printed commands have it. */
export const forms = {
  npm: 'npx --yes create-mcp-sse@latest',
  pnpm: 'pnpm create mcp-sse@latest',
  yarn: 'yarn create mcp-sse',
  bun: 'bun create mcp-sse@latest',
};
