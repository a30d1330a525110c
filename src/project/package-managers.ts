import { getUserAgent } from 'package-manager-detector/detect';
import type { PackageManager } from '../answers/index.ts';
import type { Run, RunOptions } from './run.ts';

interface Commands {
  /** Installs the dependencies. */
  install: readonly string[];
  /** What this command adds, so that nobody's settings decide what is installed. */
  installFlags: readonly string[];
  /** The words before a script's name. */
  run: readonly string[];
  /** What this command adds behind it. */
  runFlags: readonly string[];
  /** The file in which the user may have set what is installed. */
  settingsFile: string;
  /** The file that lists what was installed: its name, and its names in other versions. */
  lockFiles: readonly [string, ...string[]];
  /** Whether it takes the project for a part of a workspace further up, and cannot be told not to. */
  joinsWorkspaces: boolean;
  /** The words before the arguments of this command, to run it again. Without `@latest`, an old copy would be run. */
  create: string;
  /** Files that the project needs to work with this package manager. */
  files: Readonly<Record<string, string>>;
  /** How to install the project where only npm is available: in a container, on a CI runner. */
  clean: CleanInstall;
}

interface CleanInstall {
  /** Installs the package manager itself; empty for npm. */
  setup: string;
  /** The files that list the packages. */
  manifests: string;
  /** Installs exactly those packages. */
  install: string;
  /** Removes the packages that only the build needed. */
  prune: string;
}

/** The four package managers: one row each. */
export const packageManagers: Record<PackageManager, Commands> = {
  npm: {
    install: ['install'],
    installFlags: [
      ...['--no-workspaces', '--no-global', '--location=project', '--package-lock', '--no-dry-run'],
      ...['--include=dev', '--include=optional', '--include=peer'],
    ],
    run: ['run'],
    runFlags: ['--no-workspaces'],
    settingsFile: '.npmrc',
    lockFiles: ['package-lock.json', 'npm-shrinkwrap.json'],
    joinsWorkspaces: false,
    create: 'npx create-mcp-sse@latest',
    files: {},
    clean: {
      setup: '',
      manifests: 'package.json package-lock.json',
      install: 'npm ci',
      prune: 'npm prune --omit=dev',
    },
  },
  pnpm: {
    install: ['install'],
    installFlags: [
      ...['--no-frozen-lockfile', '--lockfile', '--prod=false'],
      // pnpm 10 writes the path into the programs in node_modules/.bin as it is, where a shell would run parts of it.
      '--config.extend-node-path=false',
    ],
    run: ['run'],
    runFlags: [],
    settingsFile: '.npmrc',
    lockFiles: ['pnpm-lock.yaml'],
    joinsWorkspaces: false,
    create: 'pnpm create mcp-sse@latest',
    files: {
      // Without it, pnpm takes the project for part of a workspace further up, and installs that instead.
      'pnpm-workspace.yaml': "packages:\n  - '.'\n",
    },
    clean: {
      setup: 'npm install --global pnpm@10',
      manifests: 'package.json pnpm-lock.yaml pnpm-workspace.yaml',
      install: 'pnpm install --frozen-lockfile',
      prune: 'CI=true pnpm prune --prod',
    },
  },
  yarn: {
    install: ['install'],
    installFlags: [],
    run: ['run'],
    runFlags: [],
    settingsFile: '.yarnrc',
    lockFiles: ['yarn.lock'],
    joinsWorkspaces: true,
    create: 'yarn create mcp-sse', // Yarn 1 takes no version here, and always gets the latest
    files: {
      // Without it, Yarn 2 and later take the project for part of a project further up.
      'yarn.lock': '',
    },
    clean: {
      // For Yarn 1's lock file. That of Yarn 2 and later needs the package @yarnpkg/cli-dist instead.
      setup: 'npm install --global --force yarn@1',
      manifests: 'package.json yarn.lock .yarnrc.yml',
      install: 'yarn install --frozen-lockfile',
      prune: 'npm prune --omit=dev --no-package-lock', // Yarn's own command differs between its versions.
    },
  },
  bun: {
    install: ['install'],
    installFlags: [],
    run: ['run'],
    runFlags: [],
    settingsFile: 'bunfig.toml',
    lockFiles: ['bun.lock', 'bun.lockb'],
    joinsWorkspaces: true,
    create: 'bun create mcp-sse@latest',
    files: {},
    clean: {
      setup: 'npm install --global bun@1',
      manifests: 'package.json bun.lock',
      install: 'bun install --frozen-lockfile',
      prune: 'npm prune --omit=dev --no-package-lock', // Bun has no such command.
    },
  },
};

/** The package manager that started this process; npm if none did. */
export function runningPackageManager(): PackageManager {
  const agent = getUserAgent();
  return agent !== null && Object.hasOwn(packageManagers, agent) ? (agent as PackageManager) : 'npm';
}

/** The words before a script's name as people type them: `npm run dev`, `pnpm dev`, `yarn dev`, `bun run dev`. */
export function scriptPrefix(packageManager: PackageManager): string {
  return { npm: 'npm run', pnpm: 'pnpm', yarn: 'yarn', bun: 'bun run' }[packageManager];
}

/** How people type a script of the project: `npm test`, `npm run build`, `pnpm build`. */
export function scriptCommand(packageManager: PackageManager, script: string): string {
  const isShort = packageManager === 'npm' && ['start', 'test'].includes(script);
  return `${isShort ? 'npm' : scriptPrefix(packageManager)} ${script}`;
}

export function installCommand(packageManager: PackageManager): string {
  return [packageManager, ...packageManagers[packageManager].install].join(' ');
}

/** Runs a script of the project. @returns what it printed */
export function runScript(
  script: string,
  {
    directory,
    packageManager,
    run,
    onLine,
    env = {},
  }: { directory: string; packageManager: PackageManager; run: Run } & Pick<RunOptions, 'onLine' | 'env'>,
): Promise<string> {
  const { run: words, runFlags } = packageManagers[packageManager];
  return run(packageManager, [...words, script, ...runFlags], { cwd: directory, env, onLine });
}
