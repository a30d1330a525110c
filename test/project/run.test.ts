import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { createRun } from '../../src/project/run.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const node = (code: string) => [process.execPath, ['-e', code]] as const;

test('what a program prints to stdout and stderr is returned, and passed on line by line', async () => {
  const lines: string[] = [];
  const output = await createRun()(...node('console.log(1); setTimeout(() => console.error(2), 50)'), {
    cwd: '/',
    onLine: (line) => lines.push(line),
  });
  expect(output).toBe('1\n2');
  expect(lines).toEqual(['1', '2']);
});

test('a failed program is an error with its exit status and all of its output', async () => {
  await expect(
    createRun()(...node('console.log("why"); process.exit(7)'), { cwd: '/' }),
  ).rejects.toMatchObject({
    message: expect.stringContaining('failed (exit status 7)'),
    output: 'why',
    notFound: false,
  });
});

test('a program that does not exist is an error that says so', async () => {
  await expect(createRun()('no-such-program', [], { cwd: '/' })).rejects.toMatchObject({ notFound: true });
});

test('a program that asks a question gets no answer and does not wait', async () => {
  expect(
    await createRun()(...node('process.stdin.on("end", () => console.log("end")).resume()'), { cwd: '/' }),
  ).toBe('end');
});

test.skipIf(process.platform === 'win32')(
  'cancelling stops a program and the processes that it has started',
  async () => {
    const pidFile = join(temporaryDirectory(), 'pid');
    const cancel = new AbortController();
    const script = `sleep 300 & echo $! > ${pidFile}; wait`;
    const running = createRun(cancel.signal)('sh', ['-c', script], { cwd: '/' });
    const pid = await vi.waitFor(() =>
      Number(readFileSync(pidFile, 'utf8').match(/^\d+\n/)?.[0] ?? raise('no pid')),
    );

    cancel.abort();
    await expect(running).rejects.toMatchObject({ name: 'AbortError' });
    await vi.waitFor(() => expect(isRunning(pid)).toBe(false), { timeout: 2000 });
  },
);

test('after cancelling no program is started', async () => {
  const started = vi.fn();
  await expect(
    createRun(AbortSignal.abort())(...node('console.log(1)'), { cwd: '/', onLine: started }),
  ).rejects.toMatchObject({ name: 'AbortError' });
  await delay(0);
  expect(started).not.toHaveBeenCalled();
});

test('a program that runs on is stopped once it has printed the line to wait for', async () => {
  const server =
    'process.on("SIGTERM", () => process.exit()); console.log("ready"); setInterval(() => {}, 1000)';
  const output = await createRun()(...node(server), { cwd: '/', until: (line) => line === 'ready' });
  expect(output).toBe('ready');
});

test('a program that ends before it has printed the line to wait for has failed', async () => {
  await expect(
    createRun()(...node('console.log("no address")'), { cwd: '/', until: (line) => line === 'ready' }),
  ).rejects.toMatchObject({
    message: expect.stringContaining('failed (it did not become ready)'),
    output: 'no address',
  });
});

test('a program that fails when it is stopped has failed', async () => {
  const server =
    'process.on("SIGTERM", () => process.exit(3)); console.log("ready"); setInterval(() => {}, 1000)';
  await expect(createRun()(...node(server), { cwd: '/', until: (line) => line === 'ready' })).rejects.toThrow(
    'exit status 3',
  );
});

function isRunning(pid: number): boolean {
  try {
    // A process that has ended but was not waited for by its parent is still listed, as a zombie.
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

function raise(message: string): never {
  throw new Error(message);
}
