// Writes the README's table of settings from where the settings are declared, config.ts and auth/provider.ts: the
// comment, the variable and the default. Run it after a change there; a test says when it was forgotten.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const templates = join(import.meta.dirname, '../templates');

/** The files to be written, with what is to be in them. */
export function settingsTables() {
  const shared = join(templates, 'shared');
  const tables = new Map([
    [
      join(shared, 'partials/settings.md.hbs'),
      `| variable | default | |\n|---|---|---|\n${rowsOf(read(join(shared, 'src/config.ts.hbs')))}{{> credential-settings}}\n`,
    ],
  ]);
  for (const layer of readdirSync(templates).filter((name) => name.startsWith('sse-'))) {
    const provider = join(templates, layer, 'src/auth/provider.ts');
    const rows = existsSync(provider) ? rowsOf(read(provider)) : '';
    tables.set(join(templates, layer, 'partials/credential-settings.md.hbs'), rows);
  }
  return tables;
}

/**
 * A row of the table for each setting that the source declares: `const x = env.kind('NAME', default, …);` below a
 * comment. Blocks of the template around them are kept, so this works on templates and on rendered files.
 */
export function rowsOf(source) {
  const setting = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*const \w+ = \W*env\.\w+(?:<\w+>)?\(\s*'(\w+)'([^;]*);/;
  const block = /^(\{\{[#/].*\}\})$/m;
  const parts = source.matchAll(new RegExp(`${setting.source}|${block.source}`, 'gm'));
  const lines = [...parts].map(([, comment, name, rest, block]) => block ?? row(comment, name, rest));
  return withoutEmptyBlocks(lines.map((line) => `${line}\n`).join(''));
}

function row(comment, name, rest) {
  const meaning = comment
    .replace(/\n\s*\*/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  const value = plain(firstArgument(rest));
  return `| \`${name}\` | ${value && `\`${value}\``} | ${meaning} |`;
}

/** What stands after `, ` up to the next comma outside of brackets. */
function firstArgument(rest) {
  if (!rest.startsWith(',')) return '';
  let depth = 0;
  for (let i = 1; i < rest.length; i++) {
    if ('([{'.includes(rest[i])) depth++;
    if (')]}'.includes(rest[i])) depth--;
    if (depth < 0 || (depth === 0 && rest[i] === ',')) return rest.slice(1, i).trim();
  }
  return '';
}

/** A default as one would set it; nothing for one that is computed, which its comment has to explain. */
function plain(value) {
  if (value.includes(' ? ')) return '';
  return value
    .replace(/\{\{json (\w+)\}\}/g, '{{$1}}')
    .replace(/(\d)_(\d)/g, '$1$2')
    .replace(/['"[\]]/g, '')
    .replace(/, ?/g, ',');
}

function withoutEmptyBlocks(text) {
  const shorter = text.replace(/\{\{#.*\}\}\n\{\{\/.*\}\}\n/g, '');
  return shorter === text ? text : withoutEmptyBlocks(shorter);
}

function read(file) {
  return readFileSync(file, 'utf8');
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const [file, text] of settingsTables()) writeFileSync(file, text);
}
