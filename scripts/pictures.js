// Draws the pictures of the README from a real run: docs/questions.svg and docs/finished.svg in a terminal, and
// docs/page-1280.png and docs/page-390.png, the page of the server that was made, in a browser. Needs dist/, tmux, Chromium,
// the npm registry and port 8080. Run it again when what is printed or the page has changed: npm run pictures.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { chromium } from 'playwright-core';

const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'pictures-'));
const session = `pictures-${process.pid}`;
const columns = 92;
const tmux = (...args) => execFileSync('tmux', args, { encoding: 'utf8' });

const colours = {
  31: '#e06c75',
  32: '#98c379',
  33: '#e5c07b',
  34: '#61afef',
  35: '#c678dd',
  36: '#56b6c2',
  90: '#7f848e',
};

mkdirSync(join(root, 'docs'), { recursive: true });
try {
  // As a user types it; the words in front only clear away what the machine that draws may have set.
  const command = `env -u CI -u NO_COLOR COLORTERM= node ${join(root, 'bin/create-mcp-sse.js')} my-server; sleep 600`;
  tmux('new-session', '-d', '-s', session, '-x', String(columns), '-y', '120', '-c', folder, command);
  for (const question of ['Which port', 'open the event', 'POST their', 'How large'])
    await answer(question, 'Enter');
  await see('prove who they are');
  writeFileSync(join(root, 'docs/questions.svg'), draw('The questions', screen()));
  await answer('prove who they are', 'Enter');
  await answer('Which endpoints', 'Enter');
  await answer('More options?', 'Enter');
  await answer('Create it?', 'Enter');
  await see('To create the same server again', 120);
  const lines = screen();
  const start = lines.findIndex((line) => line.includes('Create it?'));
  writeFileSync(join(root, 'docs/finished.svg'), draw('The finished server', lines.slice(start)));
  await photographPage(join(folder, 'my-server'));
} finally {
  tmux('kill-session', '-t', session);
  rmSync(folder, { recursive: true, force: true });
}

/** The page at `/` after a call, as wide as a desktop's window and as a phone. */
async function photographPage(project) {
  const [, key = ''] = /^API_KEY=[^:\n]*:([^:\n]+)/m.exec(readFileSync(join(project, '.env'), 'utf8')) ?? [];
  const server = spawn(process.execPath, ['dist/main.js'], { cwd: project });
  await once(server.stdout, 'data');
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  });
  try {
    for (const [width, height] of [
      [1280, 900],
      [390, 844],
    ]) {
      const page = await browser.newPage({ viewport: { width, height } });
      await page.goto('http://127.0.0.1:8080/');
      await page.getByLabel(/^Credential/).fill(key);
      await page.getByRole('button', { name: 'Connect', exact: true }).click();
      await page.locator('summary', { hasText: 'echo' }).click();
      await page.getByLabel('text', { exact: true }).fill('Hello, server!');
      await page.getByRole('button', { name: 'Call' }).click();
      await page.getByText(/^Done, /).waitFor();
      await page.screenshot({ path: join(root, `docs/page-${width}.png`) });
    }
  } finally {
    await browser.close();
    server.kill();
  }
}

async function answer(question, ...keys) {
  await see(question);
  tmux('send-keys', '-t', session, ...keys);
}

async function see(text, seconds = 20) {
  for (let attempt = 0; attempt < seconds * 10; attempt++) {
    if (tmux('capture-pane', '-p', '-t', session).includes(text)) return delay(200);
    await delay(100);
  }
  throw new Error(`"${text}" did not come up in:\n${tmux('capture-pane', '-p', '-t', session)}`);
}

/** The lines of the terminal with their colours, without the empty ones at the end. */
function screen() {
  return tmux('capture-pane', '-p', '-e', '-t', session).trimEnd().split('\n');
}

/** A terminal as SVG. The characters stand on a grid of fixed width. */
function draw(title, lines) {
  const [width, height, margin] = [8.4, 19, 16];
  const on = new Set();
  const rows = lines.map((line, row) => {
    const y = margin + (row + 0.75) * height;
    return spans(line, on)
      .map(({ column, text, style }) => {
        const place = `x="${(margin + column * width).toFixed(1)}" y="${y}" textLength="${(text.length * width).toFixed(1)}"`;
        return `<text ${place}${style}>${escapeXml(text)}</text>`;
      })
      .join('');
  });
  const [w, h] = [Math.ceil(columns * width + 2 * margin), Math.ceil(lines.length * height + 2 * margin)];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${w} ${h}" width="${w}" height="${h}">
<title>${title}</title>
<rect width="100%" height="100%" rx="8" fill="#16181d"/>
<g font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" fill="#d7dae0">
${rows.filter((row) => row !== '').join('\n')}
</g>
</svg>
`;
}

/** The parts of a line that look alike. `on` is what is switched on; it goes on from line to line. */
function spans(line, on) {
  const found = [];
  let column = 0;
  const [first, ...rest] = line.split('\x1b[');
  for (const part of [`m${first}`, ...rest]) {
    const [, codes, text] = /^([\d;]*)m(.*)$/.exec(part);
    for (const code of codes === '' ? [] : codes.split(';').map(Number)) change(on, code);
    if (text.trim() !== '') found.push({ column, text, style: style(on) });
    column += [...text].length;
  }
  return found;
}

/** Applies one code of "select graphic rendition". */
function change(on, code) {
  if (code === 0) on.clear();
  else if (code === 22) for (const weight of [1, 2]) on.delete(weight);
  else if (code === 39) for (const colour of Object.keys(colours)) on.delete(Number(colour));
  else if (code in colours || code < 10) on.add(code);
}

function style(on) {
  const colour = [...on].find((code) => code in colours);
  return [
    colour === undefined ? '' : ` fill="${colours[colour]}"`,
    on.has(1) ? ' font-weight="bold"' : '',
    on.has(2) ? ' opacity="0.6"' : '',
  ].join('');
}

function escapeXml(text) {
  // Several ordinary spaces would be drawn as one.
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(' ', '\u00a0');
}
