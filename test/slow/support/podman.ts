import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { requireProgram } from '../../support/programs.ts';

const slow = join(import.meta.dirname, '..');
const packages = join(slow, 'node_modules/debian.tar');
// In the repository, since podman cannot lay one file system over another where that is the one of a container.
const storage = join(slow, '../../.rendered/podman');

/** What a host needs besides, whose certificates are not those that Node.js comes with. */
const ca = process.env.NODE_EXTRA_CA_CERTS;
const certificates = ca ? ['--env', `NODE_EXTRA_CA_CERTS=${ca}`, '--volume', `${ca}:${ca}:ro`] : [];

// The machine that runs the tests may be a container itself, so podman must do without systemd, cgroups and limits of its own.
const limits = ['--cgroups=disabled', '--ulimit=nofile=1024:1024', '--ulimit=nproc=1024:1024'];
const build = [
  'build',
  '--quiet',
  '--layers=false',
  '--isolation=chroot',
  '--format=docker',
  ...certificates,
];
const run = ['run', '--rm', '--network=host', ...limits, ...certificates];

/** Starts podman with a storage of its own, in which node:26-slim is an image made from the packages of Debian and npm. */
export async function startPodman() {
  for (const program of ['podman', 'crun', 'mmdebstrap', 'unshare']) requireProgram(program);
  rmSync(storage, { recursive: true, force: true });
  mkdirSync(storage, { recursive: true });

  // What one command mounts the next one must see, and crun does not start where both versions of cgroups are mounted.
  const enter = 'umount --quiet /sys/fs/cgroup/unified; echo ready; exec sleep infinity';
  const holder = spawn('unshare', ['--mount', 'sh', '-c', enter], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(holder.stdout, 'data');
  const paths = [
    '--root',
    join(storage, 'root'),
    '--runroot',
    join(storage, 'run'),
    '--storage-driver=overlay',
  ];
  const command = ['--mount', `--target=${holder.pid}`, 'podman', ...paths];
  const podman = (...args: string[]) => execa('nsenter', [...command, ...args]);

  const names = 'base-files,coreutils,dash,grep,libatomic1,libstdc++6,sed';
  await execa('mmdebstrap', ['--variant=extract', `--include=${names}`, 'bookworm', packages]);
  await podman(
    ...build,
    '--tag=docker.io/library/node:26-slim',
    `--file=${join(slow, 'fixtures/node.Dockerfile')}`,
    slow,
  );

  return {
    /** Builds the image of a project by its Dockerfile. */
    build: (context: string, tag: string) => podman(...build, '--pull=never', `--tag=${tag}`, context),
    /** Runs a command in a container of its own, and resolves with its output. */
    run: (image: string, ...args: string[]) => podman(...run, image, ...args),
    /** Starts the command of an image. It is stopped by the signals of the process that is returned. */
    start: (name: string, image: string, ...options: string[]) =>
      spawn('nsenter', [...command, ...run, `--name=${name}`, ...options, image]),
    /** Whether the image's own health check says that a container is healthy. */
    isHealthy: (name: string) =>
      podman('healthcheck', 'run', name).then(
        () => true,
        () => false,
      ),
    async stop() {
      holder.kill('SIGKILL');
      await once(holder, 'exit');
      rmSync(storage, { recursive: true, force: true });
    },
  };
}
