import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { writeTree } from '../../fixtures/files.ts';

const folder = join(import.meta.dirname, '../node_modules');

/** The package managers of this folder's package.json that people create projects with. */
export const managers = {
  'npm 9': { package: 'npm-9', program: 'npm' },
  'npm 10': { package: 'npm-10', program: 'npm' },
  'npm 11': { package: 'npm-11', program: 'npm' },
  'pnpm 10': { package: 'pnpm-10', program: 'pnpm' },
  'pnpm 12': { package: 'pnpm-12', program: 'pnpm' },
  'Yarn 1': { package: 'yarn-1', program: 'yarn' },
  'Yarn 3.8, Plug’n’Play': { package: 'yarn-3', program: 'yarn' },
  'Yarn 4.9, Plug’n’Play': { package: 'yarn-4.9', program: 'yarn' },
  'Yarn 4.18, Plug’n’Play': { package: 'yarn-4.18', program: 'yarn', hasAgeGate: true },
  'Yarn 3.8, node_modules': { package: 'yarn-3', program: 'yarn', linker: 'node-modules' },
  'Yarn 4.18, node_modules': {
    package: 'yarn-4.18',
    program: 'yarn',
    linker: 'node-modules',
    hasAgeGate: true,
  },
  bun: { package: 'bun', program: 'bun' },
} as const satisfies Record<string, Manager>;

export interface Manager {
  package: string;
  program: 'npm' | 'pnpm' | 'yarn' | 'bun';
  /** Yarn's, where it is not its default. */
  linker?: string;
  /** Whether it refuses packages that were published in the last day. */
  hasAgeGate?: boolean;
}

/** Puts a package manager's programs into a folder, under the names they are called by. */
export function linkPrograms(manager: Manager, bin: string): void {
  mkdirSync(bin);
  const { bin: programs } = JSON.parse(readFileSync(join(folder, manager.package, 'package.json'), 'utf8'));
  for (const [name, file] of Object.entries<string>(programs)) {
    symlinkSync(join(folder, manager.package, file), join(bin, name));
  }
}

/** Points every package manager to a registry, each by the file in the user's folder that it reads. */
export function configure(home: string, registry: string, { linker, hasAgeGate }: Manager): void {
  const { host, hostname } = new URL(registry);
  writeTree(home, {
    // bun and pnpm read it too. The token is for publishing; the registry takes any.
    '.npmrc': `registry=${registry}\n//${host}/:_authToken=any\n`,
    // Yarn 1 installs what it runs, by default where every user finds it.
    '.yarnrc': `registry "${registry}"\nprefix "${join(home, '.yarn-1')}"\nglobal-folder "${join(home, '.yarn-1/global')}"\n`,
    '.yarnrc.yml': [
      `npmRegistryServer: "${registry}"`,
      `unsafeHttpWhitelist: ["${hostname}"]`,
      ...(linker === undefined ? [] : [`nodeLinker: ${linker}`]),
      ...(hasAgeGate ? ['npmPreapprovedPackages: [create-mcp-sse]'] : []),
      '',
    ].join('\n'),
  });
}
