import { getUserAgent } from 'package-manager-detector/detect';

export type PackageManager = 'npm' | 'pnpm' | 'yarn' | 'bun';

interface Commands {
  /** Installs the dependencies. */
  install: readonly string[];
  /** What stands before a script's name. */
  run: readonly string[];
  /** What stands before the arguments of this command, to call it again. */
  create: string;
  /** Files that the package manager needs in the project to work with it. */
  files: Readonly<Record<string, string>>;
  /** How the project is installed where there is only npm: in a container, on a CI runner. */
  clean: CleanInstall;
}

interface CleanInstall {
  /** Brings the package manager itself; empty for npm. */
  setup: string;
  /** The files that say what to install. */
  manifests: string;
  /** Installs exactly that. */
  install: string;
  /** Takes away what only the build needed. */
  prune: string;
}

/** The four package managers: one row each. */
export const packageManagers: Record<PackageManager, Commands> = {
  npm: {
    install: ['install'],
    run: ['run'],
    create: 'npx create-mcp-sse',
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
    run: ['run'],
    create: 'pnpm create mcp-sse',
    files: {
      // Without one of its own, pnpm takes the project for a part of a workspace further up, and installs that.
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
    run: ['run'],
    create: 'yarn create mcp-sse',
    files: {
      // TypeScript's native compiler reads node_modules, which Yarn 2 and later do not make by default.
      '.yarnrc.yml': 'nodeLinker: node-modules\n',
      // Without a lock file of its own, Yarn 2 and later take the project for a part of a project further up.
      'yarn.lock': '',
    },
    clean: {
      // For the lock file of Yarn 1. That of Yarn 2 and later needs the package @yarnpkg/cli-dist instead.
      setup: 'npm install --global --force yarn@1',
      manifests: 'package.json yarn.lock .yarnrc.yml',
      install: 'yarn install --frozen-lockfile',
      prune: 'npm prune --omit=dev --no-package-lock', // Yarn's own way differs from one version to the next.
    },
  },
  bun: {
    install: ['install'],
    run: ['run'],
    create: 'bun create mcp-sse',
    files: {},
    clean: {
      setup: 'npm install --global bun@1',
      manifests: 'package.json bun.lock',
      install: 'bun install --frozen-lockfile',
      prune: 'npm prune --omit=dev --no-package-lock', // Bun has no command for it.
    },
  },
};

/** The package manager that started this process, else npm. */
export function runningPackageManager(): PackageManager {
  const agent = getUserAgent();
  return agent !== null && Object.hasOwn(packageManagers, agent) ? (agent as PackageManager) : 'npm';
}

/** A script as one types it: `npm run dev`, `pnpm dev`, `yarn dev`, `bun run dev`. */
export function scriptPrefix(packageManager: PackageManager): string {
  return { npm: 'npm run', pnpm: 'pnpm', yarn: 'yarn', bun: 'bun run' }[packageManager];
}
