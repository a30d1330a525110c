import { existsSync, readFileSync, renameSync } from 'node:fs';
import { mkdtemp, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { copy } from 'fs-extra/esm';
import { CreateError } from '../errors.ts';
import { packageManagers } from './package-managers.ts';
import { remove } from './remove.ts';
import { failingAs, metFullDisk } from './run.ts';
import type { Step, StepOutcome, Uses } from './step-runner.ts';

type Context = Uses<'directory' | 'packageManager' | 'run' | 'onLine'>;

/** Installs the dependencies. @throws {CreateError} install_failed, with the package manager's output */
export const install = {
  name: 'install',
  makes: [
    'node_modules',
    '.yarn',
    '.yarnrc.yml',
    ...Object.values(packageManagers).flatMap(({ files, lockFiles }) => [
      ...lockFiles,
      ...Object.keys(files),
    ]),
  ],
  skip({ wanted, packageKept }: Uses<'wanted' | 'packageKept'>) {
    if (packageKept) return 'your package.json was kept';
    return wanted.install ? undefined : '--no-install';
  },
  async run(context: Context): Promise<StepOutcome> {
    const { directory, packageManager } = context;
    const { joinsWorkspaces, lockFiles } = packageManagers[packageManager];
    const apart = joinsWorkspaces && isInsideWorkspace(directory);
    const output = await (apart ? installApart(context) : installIn(context, directory));
    requireDevDependencies(context, output);

    if (lockFiles.some((name) => existsSync(join(directory, name)))) return {};
    return {
      note: 'without a lock file',
      remark: `${packageManager} wrote no ${lockFiles[0]}, as some setting of yours says. The Dockerfile needs it.`,
    };
  },
} satisfies Step;

/** @returns what the package manager printed */
async function installIn({ packageManager, run, onLine }: Context, cwd: string): Promise<string> {
  const { install, installFlags } = packageManagers[packageManager];
  const env = {
    NODE_ENV: 'development', // "production" would omit the compiler and the test client
    YARN_ENABLE_IMMUTABLE_INSTALLS: 'false', // in CI, Yarn would refuse to write the first lock file
  };
  const work = () => run(packageManager, [...install, ...installFlags], { cwd, env, onLine });
  const output = await failingAs('install_failed', work);
  // npm warns of files that it could not unpack, and ends with status 0.
  if (metFullDisk(output)) throw new CreateError('install_failed', 'the disk is full', { output });
  return output;
}

/** Bun has no flag against a settings file that says `production`; Yarn 1's flag is refused by later versions. */
function requireDevDependencies({ directory, packageManager }: Context, output: string): void {
  const { dependencies = {}, devDependencies = {} } = JSON.parse(
    readFileSync(join(directory, 'package.json'), 'utf8'),
  );
  // Under Plug'n'Play no package has a folder.
  if (!Object.keys(dependencies).some((name) => isInstalled(name, directory))) return;
  const missing = Object.keys(devDependencies).filter((name) => !isInstalled(name, directory));
  if (missing.length === 0) return;
  const { settingsFile } = packageManagers[packageManager];
  const message =
    `${packageManager} left out the devDependencies, which build and prove the server: ` +
    `remove the setting "production" from your ${settingsFile}`;
  throw new CreateError('install_failed', message, { output });
}

/** Whether a package is in the node_modules of a directory, or of one further up, as in a workspace. */
function isInstalled(name: string, directory: string): boolean {
  if (existsSync(join(directory, 'node_modules', name))) return true;
  const parent = dirname(directory);
  return parent !== directory && isInstalled(name, parent);
}

/**
 * Installs in a folder of the project and moves the result into the project. Yarn 1 and Bun would take the project for a
 * part of the workspace around it, and change that instead. No workspace includes a folder whose name begins with a dot.
 */
async function installApart(context: Context): Promise<string> {
  const { directory, packageManager } = context;
  const { files, lockFiles } = packageManagers[packageManager];
  const folder = await mkdtemp(join(directory, '.install-'));
  try {
    const settings = ['.npmrc', '.yarnrc', '.yarnrc.yml', '.yarn', 'bunfig.toml'];
    for (const name of ['package.json', ...settings, ...Object.keys(files), ...lockFiles]) {
      if (existsSync(join(directory, name))) await copy(join(directory, name), join(folder, name));
    }
    const output = await installIn(context, folder);
    for (const name of await readdir(folder)) {
      await remove(join(directory, name));
      renameSync(join(folder, name), join(directory, name));
    }
    return output;
  } finally {
    await remove(folder);
  }
}

function isInsideWorkspace(directory: string): boolean {
  const parent = dirname(directory);
  if (parent === directory) return false;
  return hasWorkspaces(join(parent, 'package.json')) || isInsideWorkspace(parent);
}

function hasWorkspaces(file: string): boolean {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).workspaces !== undefined;
  } catch {
    return false; // not there, or not a package.json
  }
}
