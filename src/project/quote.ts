/** The three families of shells, each with its own quoting. */
export type Shell = 'posix' | 'cmd' | 'powershell';

/** The shell that the user is most likely typing in. */
export function currentShell(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): Shell {
  if (platform !== 'win32' || env.MSYSTEM !== undefined) return 'posix'; // MSYSTEM: Git Bash
  // cmd passes PROMPT on to the programs that it starts; PowerShell does not set it.
  return env.PROMPT === undefined ? 'powershell' : 'cmd';
}

/** A command line that the shell splits into exactly these words. */
export function commandLine(words: readonly string[], shell: Shell): string {
  return words.map((word) => quote(word, shell)).join(' ');
}

export function quote(word: string, shell: Shell): string {
  switch (shell) {
    case 'posix':
      return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
    case 'powershell':
      // A comma makes a list there, and @ a table. Typographic quotes end a string too.
      return /^[\w:./\\-]+$/.test(word) ? word : `'${word.replace(/['‘’‚‛]/g, '$&$&')}'`;
    case 'cmd':
      return /^[\w@+:,./\\-]+$/.test(word) ? word : quoteForCmd(word);
  }
}

/**
 * A backslash is special only before a quotation mark, and must be doubled there. A percent sign begins a variable even
 * between quotation marks; outside of them a caret escapes it.
 */
function quoteForCmd(word: string): string {
  const escaped = word.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\*)$/, '$1$1');
  return `"${escaped.replaceAll('%', '"^%"')}"`;
}
