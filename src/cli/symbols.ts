/** The symbols before lines, as @clack/prompts draws them, in characters that the terminal can show. */
export function symbolsFor(env: NodeJS.ProcessEnv, platform: NodeJS.Platform) {
  return hasUnicode(env, platform)
    ? { done: '◇', failed: '✗', skipped: '○', warning: '▲', tick: '✔', spinner: ['◒', '◐', '◓', '◑'] }
    : { done: 'o', failed: 'x', skipped: '-', warning: '!', tick: '+', spinner: ['|', '/', '-', '\\'] };
}

function hasUnicode(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): boolean {
  if (env.TERM === 'dumb' || env.TERM === 'linux') return false;
  // The old Windows console cannot show them. Newer terminals set one of these variables.
  return platform !== 'win32' || Boolean(env.WT_SESSION ?? env.TERM_PROGRAM ?? env.TERM ?? env.CI);
}
