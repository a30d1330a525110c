import {
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createRun, type Run } from '../../src/project/index.ts';
import { planUpdate } from '../../src/update/index.ts';
import { readTree } from '../fixtures/files.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { type Files, generatorVersion, oldVersion, project, rendered, withLine } from './support/project.ts';

const guards = 'src/http/guards.ts';
const config = 'src/config.ts';

/** What this version changed: a fix, a renamed file, a dropped one, a new one, a dependency. */
function earlier(files: Files) {
  files[guards] = withLine(files[guards], 20, (line) => `${line} // not fixed yet`);
  files['src/http/send-once.ts'] = files['src/http/send.ts'] ?? '';
  delete files['src/http/send.ts'];
  files['src/dropped.ts'] = 'export const one = 1;\nexport const two = 2;\nexport const three = 3;\n';
  delete files['src/sessions/session.ts'];
  const packageJson = JSON.parse(files['package.json'] ?? '');
  packageJson.dependencies.zod = '4.0.0';
  delete packageJson.devDependencies['@types/node'];
  files['package.json'] = `${JSON.stringify(packageJson, null, 2)}\n`;
}

const withoutEnvironment = ({ '.env': _, ...files }: Files) => files;

describe('a project that an earlier version made', () => {
  test('is as this version makes it after an update, if its owner changed nothing', async () => {
    const { update, read, git } = await project({ earlier });
    const { actions, from, to } = await update();
    expect(actions).toEqual({
      [guards]: 'update',
      'create-mcp-sse.json': 'update',
      'package.json': 'update',
      'src/dropped.ts': 'delete',
      'src/http/send-once.ts': 'delete',
      'src/http/send.ts': 'add',
      'src/sessions/session.ts': 'add',
    });
    expect({ from, to }).toEqual({ from: oldVersion, to: generatorVersion });
    const now = withoutEnvironment(await rendered());
    const tracked = [...git('ls-files', '--cached', '--others', '--exclude-standard').trim().split('\n')];
    const files = Object.fromEntries(tracked.filter((path) => path in now).map((path) => [path, read(path)]));
    expect(files).toEqual(now);
  });

  test('is up to date after an update: a second one changes nothing', async () => {
    const { update, plan, commit, directory } = await project({ earlier });
    await update();
    commit();
    const before = readTree(directory);
    const again = await plan();
    expect(again).toMatchObject({ upToDate: true, files: [] });
    await again.make();
    expect(readTree(directory)).toEqual(before);
  });

  test('can be updated to other answers next, and keeps what its owner did', async () => {
    const { update, commit, read } = await project({
      earlier,
      owner: (files) => {
        files[guards] = `// mine\n${files[guards]}`;
      },
    });
    await update();
    commit();
    const { actions } = await update({ relay: 'redis', auth: 'jwt' });
    expect(actions).toMatchObject({
      'src/relay/redis-relay.ts': 'add',
      'src/auth/api-key-auth-provider.ts': 'delete',
    });
    expect(actions).not.toHaveProperty(guards);
    expect(read(guards)).toMatch(/^\/\/ mine\n/);
    expect(JSON.parse(read('create-mcp-sse.json'))).toMatchObject({ relay: 'redis', auth: 'jwt' });
  });

  test('keeps an edit beside the fix, byte for byte', async () => {
    const mine = withLine((await rendered())[guards], 17, (line) => `${line} // mine\u00e9`);
    const { update, read } = await project({
      earlier,
      owner: (files) => {
        files[guards] = withLine(files[guards], 17, (line) => `${line} // mine\u00e9`);
      },
    });
    expect((await update()).actions[guards]).toBe('merge');
    expect(read(guards)).toBe(mine);
  });

  test('has markers where its owner edited the line of the fix, and each is named by its line', async () => {
    const { update, read, git } = await project({
      earlier,
      owner: (files) => {
        files[guards] = withLine(files[guards], 20, (line) => `${line} // mine`);
      },
    });
    const { files } = await update();
    const [conflict, another] = files.filter(({ action }) => action === 'conflict');
    expect(another).toBeUndefined();
    expect(conflict?.path).toBe(guards);
    const lines = read(guards).split('\n');
    expect(conflict?.lines?.map((line) => lines[line - 1])).toEqual(['<<<<<<< yours']);
    expect(lines).toContain(`>>>>>>> create-mcp-sse@${generatorVersion}`);
    expect(JSON.parse(read('create-mcp-sse.json')).generator).toBe(`create-mcp-sse@${generatorVersion}`);
    expect(git('log', '--oneline').trim().split('\n')).toHaveLength(1);
  });

  test('keeps auth logic that its owner replaced, and has a conflict only if the template changed it too', async () => {
    const provider = 'src/auth/api-key-auth-provider.ts';
    const own = '// All mine.\nexport class APIKeyAuthProvider {}\n';
    const owner = (files: Files) => {
      files[provider] = own;
    };
    const unchanged = await project({ earlier, owner });
    expect((await unchanged.update()).actions).not.toHaveProperty([provider]);
    expect(unchanged.read(provider)).toBe(own);

    const changed = await project({
      earlier: (files) => {
        files[provider] = withLine(files[provider], 20, (line) => `${line} // not fixed yet`);
      },
      owner,
    });
    const { actions } = await changed.update();
    expect(actions).toMatchObject({ [provider]: 'conflict' });
    expect(changed.read(provider)).toContain('<<<<<<< yours\n// All mine.\n');
  });

  test('gets the fix in a file that its owner renamed', async () => {
    const { update, read, directory } = await project({
      earlier,
      owner: (files) => {
        files['src/http/doorkeeper.ts'] = files[guards] ?? '';
        delete files[guards];
      },
    });
    expect((await update()).actions).toMatchObject({ 'src/http/doorkeeper.ts': 'merge' });
    expect(read('src/http/doorkeeper.ts')).toBe((await rendered())[guards]);
    expect(existsSync(join(directory, guards))).toBe(false);
  });

  test('does not get back a file that its owner deleted, and is shown what changed in it', async () => {
    const { update, directory } = await project({
      earlier,
      owner: (files) => {
        delete files[guards];
      },
    });
    const { notApplied, actions } = await update();
    expect(existsSync(join(directory, guards))).toBe(false);
    expect(actions).not.toHaveProperty(guards);
    expect(notApplied).toEqual([
      {
        path: guards,
        why: 'the project no longer has it, but the template changed it',
        difference: expect.stringContaining('// not fixed yet'),
      },
    ]);
  });

  test('is told of a fix to a file that its owner moved and rewrote', async () => {
    const { update, read } = await project({
      earlier,
      owner: (files) => {
        files['src/door.ts'] = `${files[guards]?.slice(0, 300)}\n${'// all mine\n'.repeat(200)}`;
        delete files[guards];
      },
    });
    const { notApplied } = await update();
    expect(notApplied).toMatchObject([
      { path: guards, difference: expect.stringContaining('// not fixed yet') },
    ]);
    expect(read('src/door.ts')).not.toContain('<<<<<<<');
  });

  test('has the fix in a file that its owner moved and rewrote below it', async () => {
    const { update, read } = await project({
      earlier,
      owner: (files) => {
        const lines = (files[guards] ?? '').split('\n');
        files['src/door.ts'] = lines.map((line, index) => (index > 25 ? `${line} // mine` : line)).join('\n');
        delete files[guards];
      },
    });
    const { actions, notApplied } = await update();
    expect({ door: actions['src/door.ts'], notApplied }).toEqual({ door: 'merge', notApplied: [] });
    const wanted = ((await rendered())[guards] ?? '').split('\n');
    expect(read('src/door.ts')).toBe(
      wanted.map((line, index) => (index > 25 ? `${line} // mine` : line)).join('\n'),
    );
  });

  test('is told of a fix to a file that its owner replaced by a link, which stays', async () => {
    const { update, directory, commit, write } = await project({ earlier });
    write('src/real.ts', 'export {};\n');
    rmSync(join(directory, guards));
    symlinkSync('../real.ts', join(directory, guards));
    commit();
    const { notApplied } = await update();
    expect(notApplied).toMatchObject([
      { path: guards, difference: expect.stringContaining('// not fixed yet') },
    ]);
    expect(readlinkSync(join(directory, guards))).toBe('../real.ts');
    expect(readFileSync(join(directory, 'src/real.ts'), 'utf8')).toBe('export {};\n');
  });

  test('keeps a dropped file that its owner changed, and says so', async () => {
    const { update, read } = await project({
      earlier,
      owner: (files) => {
        files['src/dropped.ts'] += 'export const mine = 4;\n';
      },
    });
    const { notApplied, actions } = await update();
    expect(actions['src/dropped.ts']).toBe('keep');
    expect(read('src/dropped.ts')).toContain('mine');
    expect(notApplied.map(({ path }) => path)).toEqual(['src/dropped.ts']);
  });

  test('does not get new files in a folder that its owner deleted', async () => {
    const { update, directory } = await project({
      earlier: (files) => {
        delete files['src/pages/landing-page.ts'];
      },
      owner: (files) => {
        for (const path of Object.keys(files)) if (path.startsWith('src/pages/')) delete files[path];
      },
    });
    const { notApplied } = await update();
    expect(existsSync(join(directory, 'src/pages'))).toBe(false);
    expect(notApplied.map(({ path }) => path)).toEqual(['src/pages/landing-page.ts']);
  });

  test('keeps settings, scripts and dependencies of its owner, and a raised version', async () => {
    const { update, read } = await project({
      earlier: (files) => {
        earlier(files);
        files[config] = withLine(files[config], 0, (line) => `// old\n${line}`);
      },
      owner: (files) => {
        files[config] += '\nexport const mine = 1;\n';
        const packageJson = JSON.parse(files['package.json'] ?? '');
        packageJson.dependencies.zod = '5.0.0';
        packageJson.dependencies.pg = '8.0.0';
        packageJson.scripts.deploy = 'deploy';
        files['package.json'] = `${JSON.stringify(packageJson, null, 4)}\n`;
      },
    });
    const { notes } = await update();
    expect(read(config)).toBe(`${(await rendered())[config]}\nexport const mine = 1;\n`);
    const { dependencies, devDependencies, scripts } = JSON.parse(read('package.json'));
    expect(dependencies).toMatchObject({ zod: '5.0.0', pg: '8.0.0' });
    expect(devDependencies).toMatchObject({ '@types/node': expect.any(String) });
    expect(scripts.deploy).toBe('deploy');
    expect(read('package.json')).toMatch(/^ {4}"name"/m);
    expect(notes).toEqual([
      expect.stringMatching(/^package.json, dependencies.zod: yours stays \("5.0.0"\)/),
    ]);
  });

  test('keeps a README that its owner rewrote, without conflicts, and is shown what changed', async () => {
    const { update, read } = await project({
      earlier: (files) => {
        files['README.md'] = withLine(files['README.md'], 2, () => 'An older sentence.');
      },
      owner: (files) => {
        files['README.md'] = '# Mine\n';
      },
    });
    const { notApplied, actions } = await update();
    expect(actions['README.md']).toBe('keep');
    expect(read('README.md')).toBe('# Mine\n');
    expect(notApplied.map(({ path }) => path)).toEqual(['README.md']);
  });

  test('keeps line ends of Windows that are committed, without conflicts', async () => {
    const windows = (text = '') => text.replaceAll('\n', '\r\n');
    const { update, read } = await project({
      earlier,
      owner: (files) => {
        for (const [path, text] of Object.entries(files)) files[path] = windows(text);
        files[guards] = `// mine\r\n${files[guards]}`;
      },
    });
    const { actions } = await update();
    expect(Object.values(actions)).not.toContain('conflict');
    expect(read(guards)).toBe(`// mine\r\n${windows((await rendered())[guards])}`);
    expect(read('src/sessions/session.ts')).toContain('\r\n');
  });

  test('can be a folder of a larger repository, whose other files do not matter', async () => {
    const { update, root, git, read } = await project({ earlier, folder: 'apps/server' });
    writeFileSync(join(root, 'elsewhere.txt'), 'not committed');
    await update();
    expect(read(guards)).toBe((await rendered())[guards]);
    expect(git('status', '--porcelain', '--', ':/elsewhere.txt')).toBe('?? elsewhere.txt\n');
  });

  test('keeps its owner’s files that were there before it', async () => {
    const { update, read, directory, commit } = await project({
      earlier,
      owner: (files) => {
        files[guards] = 'mine from before\n';
        files['create-mcp-sse.json'] =
          files['create-mcp-sse.json']?.replace(/\}\s*$/, `,"kept":["${guards}"]}`) ?? '';
      },
    });
    expect(existsSync(join(directory, guards))).toBe(true);
    const { actions, notApplied } = await update();
    expect({ guards: actions[guards], notApplied }).toEqual({ guards: undefined, notApplied: [] });
    expect(read(guards)).toBe('mine from before\n');
    expect(JSON.parse(read('create-mcp-sse.json')).kept).toEqual([guards]);
    commit();
  });
});

test('.env gains only what new answers need, with a fresh secret, and keeps what is in it', async () => {
  const { update, read, write } = await project();
  write('.env', 'PORT=9000\nAPI_KEY=me:mine');
  const { variables } = await update({ auth: 'jwt' });
  expect(variables).toEqual(['JWT_SECRET']);
  expect(read('.env')).toMatch(/^PORT=9000\nAPI_KEY=me:mine\n\n# .*\nJWT_SECRET=[\w-]{64}\n$/);
});

test('a record with a byte order mark, or written in another look, is no edited one', async () => {
  const { plan } = await project({
    owner: (files) => {
      files['create-mcp-sse.json'] =
        `\uFEFF${JSON.stringify(JSON.parse(files['create-mcp-sse.json'] ?? ''), null, 8)}`;
    },
  });
  expect(await plan()).toMatchObject({ upToDate: true });
});

test('a project that a pre-release made is updated like any other', async () => {
  const { update, read } = await project({ earlier, made: '0.0.9-rc.1' });
  expect(await update()).toMatchObject({ from: '0.0.9-rc.1', to: generatorVersion });
  expect(read(guards)).toBe((await rendered())[guards]);
});

test('a dry run says what would be done, and writes nothing', async () => {
  const { plan, directory } = await project({ earlier });
  const before = readTree(directory);
  expect((await plan()).files.length).toBeGreaterThan(3);
  expect(readTree(directory)).toEqual(before);
});

test('an update that ends in the middle of its files is finished by the next one', async () => {
  const { plan, directory, read, git } = await project({ earlier });
  const { make } = await plan();
  // A folder in the place of a file stops it half-way, as a kill would.
  const inTheWay = join(directory, 'src/sessions/session.ts');
  mkdirSync(join(inTheWay, 'x'), { recursive: true });
  await expect(make()).rejects.toThrow();
  expect(git('status', '--porcelain').trim()).not.toBe('');
  rmSync(inTheWay, { recursive: true });
  const again = await plan();
  expect(again).toMatchObject({ resumed: true, from: oldVersion });
  await again.make();
  const now = await rendered();
  expect(read(guards)).toBe(now[guards]);
  expect(read('src/sessions/session.ts')).toBe(now['src/sessions/session.ts']);
  expect(existsSync(join(directory, 'src/dropped.ts'))).toBe(false);
});

test('an update that is cancelled while it merges ends as cancelled', async () => {
  const { plan, directory } = await project();
  const before = readTree(directory);
  const stop = new AbortController();
  const run = createRun(stop.signal);
  const stopping: Run = (command, args, options) => {
    if (args.includes('merge-tree')) stop.abort();
    return run(command, args, options);
  };
  const cancelled = plan({ relay: 'redis' }, { signal: stop.signal, run: stopping });
  await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
  expect(readTree(directory)).toEqual(before);
});

test('an update that is cancelled while it installs leaves the files as they were', async () => {
  const { plan, directory } = await project({ earlier });
  const before = readTree(directory);
  const stop = new AbortController();
  const { make } = await plan({}, { signal: stop.signal });
  const onStep = () => stop.abort();
  await expect(make({ onStep })).rejects.toMatchObject({ code: 'cancelled' });
  expect(readTree(directory)).toEqual(before);
});

describe('is refused before anything is written:', () => {
  const refused: [string, string, (made: Awaited<ReturnType<typeof project>>) => void][] = [
    [
      'a tracked file with changes',
      `${guards} has changes that are not committed`,
      ({ write }) => write(guards, 'x'),
    ],
    [
      'an untracked file in the place of a new one',
      'src/sessions/session.ts is in the way',
      ({ write }) => write('src/sessions/session.ts', 'mine'),
    ],
    [
      'an edit that git does not see',
      `git does not see changes of ${guards}`,
      ({ git }) => git('update-index', '--assume-unchanged', guards),
    ],
    [
      'a file outside a sparse checkout',
      `${guards} is outside the sparse checkout`,
      ({ git }) => git('update-index', '--skip-worktree', guards),
    ],
    [
      'a merge in progress',
      'a merge is in progress',
      ({ git }) => {
        git('checkout', '--quiet', '-b', 'other');
        git('commit', '--quiet', '--allow-empty', '--message', 'other');
        git('checkout', '--quiet', '-');
        git('merge', '--quiet', '--no-commit', '--no-ff', 'other');
      },
    ],
    [
      'a rebase in progress',
      'a rebase is in progress',
      ({ git, commit }) => {
        commit();
        expect(() => git('rebase', '--quiet', '--exec', 'false', 'HEAD~1')).toThrow();
      },
    ],
    [
      'committed markers of an earlier update',
      `${guards} has the conflict markers of an earlier update`,
      ({ write, commit }) => {
        write(guards, '<<<<<<< yours\na\n=======\nb\n>>>>>>> create-mcp-sse@0.0.9\n');
        commit();
      },
    ],
    [
      'a package.json that is not JSON',
      'package.json must be JSON',
      ({ write, commit }) => {
        write('package.json', '{');
        commit();
      },
    ],
    [
      'a project without a repository',
      'needs git and a repository',
      ({ directory }) => rmSync(join(directory, '.git'), { recursive: true }),
    ],
    [
      'a repository that git refuses to read',
      'git cannot be used here: ',
      ({ directory }) =>
        writeFileSync(join(directory, '.git/config'), '[core]\n\trepositoryformatversion = 99\n'),
    ],
    [
      'a project without a record',
      'create-mcp-sse.json is not committed',
      ({ directory, commit }) => {
        rmSync(join(directory, 'create-mcp-sse.json'));
        commit();
      },
    ],
  ];

  test.each(refused)('%s', async (_what, why, prepare) => {
    const made = await project({ earlier });
    prepare(made);
    const before = readTree(made.directory);
    await expect(made.plan()).rejects.toMatchObject({ exitStatus: 3, message: expect.stringContaining(why) });
    expect(readTree(made.directory)).toEqual(before);
  });

  test.each([
    ['99.0.0', 'run npx create-mcp-sse@latest update'],
    [
      `${generatorVersion.replace(/\d+$/, (last) => String(Number(last) + 1))}-rc.1`,
      'run npx create-mcp-sse@latest update',
    ],
    ['latest', 'must be create-mcp-sse@ and an exact version'],
    ['0.0.9 || 1', 'must be create-mcp-sse@ and an exact version'],
  ])('a record of create-mcp-sse@%s', async (version, why) => {
    const { plan } = await project({
      owner: (files) => {
        const record = JSON.parse(files['create-mcp-sse.json'] ?? '');
        files['create-mcp-sse.json'] = JSON.stringify({ ...record, generator: `create-mcp-sse@${version}` });
      },
    });
    await expect(plan()).rejects.toMatchObject({ exitStatus: 2, message: expect.stringContaining(why) });
  });

  test('a record that was edited by hand', async () => {
    const { plan } = await project({
      owner: (files) => {
        files['create-mcp-sse.json'] = files['create-mcp-sse.json']?.replace('8080', '9000') ?? '';
      },
    });
    await expect(plan()).rejects.toMatchObject({
      exitStatus: 2,
      message: expect.stringContaining('edited by hand'),
    });
  });

  test('a directory that does not exist', async () => {
    const options = { cwd: temporaryDirectory() };
    await expect(planUpdate({ directory: 'nowhere' }, options)).rejects.toMatchObject({ exitStatus: 3 });
  });
});
