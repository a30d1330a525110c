// How long the command itself takes beside create-vite, both without an install: `node bench/command.js` after
// `npm run build`. Prints the median of 21 runs of each, taken in turns, so that both meet the same machine.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';

const runs = 21;
const folder = mkdtempSync(join(tmpdir(), 'bench-command-'));
const node = (...args) => execFileSync(process.execPath, args, { cwd: folder, stdio: 'ignore' });

try {
  const install = ['install', '--silent', '--no-audit', '--no-fund', 'create-vite@9.3.0'];
  execFileSync('npm', install, { cwd: folder, stdio: 'ignore' });
  const vite = join(folder, 'node_modules/create-vite/index.js');
  const ours = join(import.meta.dirname, '../bin/create-mcp-sse.js');
  const commands = {
    'node, doing nothing': () => node('-e', '0'),
    'create-vite 9.3.0': (run) => node(vite, `vite-${run}`, '--template', 'vanilla-ts', '--no-interactive'),
    'create-mcp-sse': (run) => node(ours, `ours-${run}`, '--yes', '--no-install', '--no-git'),
  };
  const times = Object.fromEntries(Object.keys(commands).map((name) => [name, []]));
  for (let run = 0; run < runs; run++) {
    for (const [name, command] of Object.entries(commands)) {
      const start = performance.now();
      command(run);
      times[name].push(performance.now() - start);
    }
  }
  console.log(`Node.js ${process.version}, ${cpus().length} × ${cpus()[0].model}`);
  for (const [name, all] of Object.entries(times))
    console.log(`${median(all).toFixed(0).padStart(5)} ms  ${name}`);
  const ratio = median(times['create-mcp-sse']) / median(times['create-vite 9.3.0']);
  console.log(`${ratio.toFixed(2)} times create-vite`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
