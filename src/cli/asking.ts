type Terminal = Pick<NodeJS.Process, 'env'> & { stdin: { isTTY?: boolean }; stdout: { isTTY?: boolean } };

/** Variables that coding agents set. The terminals that they run commands in have no reader. */
const agentVariables = ['AI_AGENT', 'CLAUDECODE', 'CURSOR_AGENT', 'GEMINI_CLI'];

/** Why no questions are asked; undefined if they can be. */
export function reasonNotToAsk(
  { yes, json }: { yes: boolean; json: boolean },
  { env, stdin, stdout }: Terminal,
): string | undefined {
  if (yes || json) return yes ? '--yes' : '--json';
  if (env.CI !== undefined && !['', '0', 'false'].includes(env.CI)) return 'CI';
  if (!stdin.isTTY || !stdout.isTTY) return 'no terminal';
  if (env.TERM === 'dumb') return 'TERM=dumb, a terminal that cannot show prompts';
  const agent = agentVariables.find((name) => env[name]);
  return agent === undefined ? undefined : `${agent} is set`;
}
