import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { rowsOf, settingsTables } from '../../../scripts/settings-tables.js';
import { completeAnswers, render, templatesFolder } from '../../../src/index.ts';
import { authTypes } from '../support/projects.js';
import { runServer } from '../support/server.js';

// The README's table of settings says what the code says.

test.each([...settingsTables()])('%s is as scripts/settings-tables.js writes it', (file, text) => {
  expect(readFileSync(file, 'utf8')).toBe(text);
});

const combinations = authTypes.flatMap((auth) => [
  { auth, streamableHttp: true },
  { auth, streamableHttp: false },
]);

test.each(combinations)(
  'README.md has every setting of $auth, Streamable HTTP $streamableHttp',
  async (given) => {
    const files = await render(
      completeAnswers(
        { directory: 'settings', port: 3210, host: '::1', ...given },
        { cwd: '/', packageManager: 'npm' },
      ),
      { secret: '', templates: templatesFolder },
    );
    const text = (path: string) => files.get(path)?.content.toString() ?? '';
    const declared = rowsOf(text('src/config.ts')) + rowsOf(text('src/auth/provider.ts'));

    expect(tableRows(text('README.md'))).toEqual(tableRows(declared));
    expect(text('README.md')).toContain('| `PORT` | `3210` |');
  },
);

test.each(authTypes)('README.md has every setting that --check prints, of %s', async (auth) => {
  const { output } = await runServer(auth, {}, ['--check']);
  const printed = output.match(/^\w+(?==)/gm) ?? [];
  expect(printed).toContain('PORT');
  const readme = readFileSync(`${process.env.RENDERED}/${auth}/README.md`, 'utf8');
  const described = tableRows(readme).map((row) => /`(\w+)`/.exec(row)?.[1]);
  expect([...described].sort()).toEqual([...printed].sort());
});

function tableRows(markdown: string): string[] {
  return markdown.split('\n').filter((line) => /^\| `[A-Z_]+` \|/.test(line));
}
