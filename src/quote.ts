/** The three families of shells that quote differently. */
export type Shell = 'posix' | 'cmd' | 'powershell';

/** The shell that the user most likely types into. */
export function currentShell(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): Shell {
  if (platform !== 'win32' || env.MSYSTEM !== undefined) return 'posix'; // MSYSTEM: Git Bash
  // cmd hands its prompt to what it starts, PowerShell has none in the environment.
  return env.PROMPT === undefined ? 'powershell' : 'cmd';
}

/** A command line that the shell takes apart into exactly these words. */
export function commandLine(words: readonly string[], shell: Shell): string {
  return words.map((word) => quote(word, shell)).join(' ');
}

export function quote(word: string, shell: Shell): string {
  switch (shell) {
    case 'posix':
      return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
    case 'powershell':
      // A comma makes a list there, an @ a table. Typographic quotes close a string too.
      return /^[\w:./\\-]+$/.test(word) ? word : `'${word.replace(/['‘’‚‛]/g, '$&$&')}'`;
    case 'cmd':
      return /^[\w@+:,./\\-]+$/.test(word) ? word : quoteForCmd(word);
  }
}

/**
 * Backslashes count only before a quotation mark, where each must be doubled. A percent sign would name a variable
 * even between quotation marks; outside of them a caret takes that meaning away.
 */
function quoteForCmd(word: string): string {
  const escaped = word.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\*)$/, '$1$1');
  return `"${escaped.replaceAll('%', '"^%"')}"`;
}
