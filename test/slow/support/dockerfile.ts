import { cpSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { execa } from 'execa';

// Executes a Dockerfile in plain directories, for machines on which no container engine runs: as much of it as the
// generated one uses. What it cannot show is that the base image exists, and that the layers are cached.

export interface Image {
  /** The working directory of the last stage. */
  directory: string;
  environment: Record<string, string>;
  user: string | undefined;
  healthcheck: string[];
  command: string[];
}

/** Builds the image of `context` below `root`. */
export async function buildImage(context: string, root: string): Promise<Image> {
  const stages = new Map<string, string>();
  const globals = join(root, 'npm-global'); // Where `npm install --global` puts its programs.
  const image: Image = { directory: '', environment: {}, user: undefined, healthcheck: [], command: [] };

  for (const [name, rest] of instructions(readFileSync(join(context, 'Dockerfile'), 'utf8'))) {
    const words = rest.split(' ');
    if (name === 'FROM') {
      const stage = words[2] ?? 'final';
      Object.assign(image, { directory: join(root, stage), environment: {}, user: undefined });
      stages.set(stage, join(root, stage));
    } else if (name === 'WORKDIR') {
      image.directory = join(image.directory, rest);
      mkdirSync(image.directory, { recursive: true });
    } else if (name === 'ENV') {
      for (const word of words) {
        const [key, value] = word.split('=') as [string, string];
        image.environment[key] = value;
      }
    } else if (name === 'RUN') {
      await execa(rest, {
        shell: true,
        cwd: image.directory,
        env: {
          ...image.environment,
          npm_config_prefix: globals,
          PATH: `${join(globals, 'bin')}:${process.env.PATH}`,
        },
      });
    } else if (name === 'COPY') {
      const from = words[0]?.startsWith('--from=')
        ? stages.get(words.shift()?.slice(7) as string)
        : undefined;
      copy(from ?? context, words, image.directory, from === undefined ? ignored(context) : []);
    } else if (name === 'USER') {
      image.user = rest;
    } else if (name === 'HEALTHCHECK') {
      image.healthcheck = JSON.parse(rest.slice(rest.indexOf('[')));
    } else if (name === 'CMD') {
      image.command = JSON.parse(rest);
    } else if (name !== 'EXPOSE') {
      throw new Error(`${name} is not known here`);
    }
  }
  return image;
}

function instructions(text: string): [string, string][] {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]);
}

/** What the context leaves out; patterns without a slash are about its top level. */
function ignored(context: string): RegExp[] {
  return readFileSync(join(context, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => new RegExp(`^${line.replaceAll('.', '\\.').replaceAll('*', '[^/]*')}$`));
}

function copy(from: string, paths: string[], workdir: string, leftOut: RegExp[]): void {
  const target = join(workdir, paths.pop() as string);
  for (const path of paths) {
    const source = join(from, path);
    const destination = statSync(source).isDirectory() ? target : join(target, basename(path));
    cpSync(source, destination, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (file) => !leftOut.some((pattern) => pattern.test(relative(from, file))),
    });
  }
}
