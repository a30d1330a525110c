import { createHash } from 'node:crypto';
import { clientSettings } from './client-settings.ts';

export interface LandingPageOptions {
  name: string;
  version: string;
  basePath: string;
  paths: {
    endpoint: string;
    messageEndpoint: string;
    streamableHttpEndpoint?: string;
  };
  /** The header that carries the credential. Absent: none is needed. */
  credentialHeader?: string;
}

/** A small page for people who open the server in a browser. It works without its script, which keeps it up to date. */
export function createLandingPage(options: LandingPageOptions) {
  // All but these three is the same for every visitor, and written once.
  const page = render(options, '{origin}', '{sessions}', '{startedAt}');

  return (origin: string, sessions: number, startedAt: Date) =>
    page
      .replaceAll('{origin}', () => escapeHtml(origin))
      .replace('{sessions}', String(sessions))
      .replace('{startedAt}', `${startedAt.toISOString().slice(0, 16).replace('T', ' ')} UTC`);
}

function render(options: LandingPageOptions, origin: string, sessions: string, startedAt: string): string {
  const { name, version, basePath, credentialHeader } = options;
  const { endpoint, messageEndpoint, streamableHttpEndpoint } = options.paths;
  const base = origin + basePath;
  const isBearer = credentialHeader?.toLowerCase() === 'authorization';
  const header = credentialHeader && {
    name: credentialHeader,
    prefix: isBearer ? 'Bearer ' : '',
    credential: isBearer ? '<token>' : '<key>',
  };
  const endpoints = [
    ['Event stream', 'GET', base + endpoint],
    ['Messages', 'POST', `${base}${messageEndpoint}?sessionId=…`],
    ...(streamableHttpEndpoint ? [['Streamable HTTP', 'POST', base + streamableHttpEndpoint]] : []),
    ['Health', 'GET', `${base}/health`],
  ] as [string, string, string][];
  const settings = clientSettings({
    name,
    url: base + endpoint,
    messageUrl: base + messageEndpoint,
    header: header || undefined,
  });

  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(name)}</title>
<style>${style}</style>
</head>
<body data-health="${basePath}/health">
<header>
<h1>${escapeHtml(name)} <small>${escapeHtml(version)}</small></h1>
<p>An <a href="https://modelcontextprotocol.io">MCP</a> server: AI applications connect to it and use its tools.</p>
<p id="status"><span id="health">Running</span> · sessions: <span id="sessions">${sessions}</span> · <span id="uptime">up since ${startedAt}</span></p>
</header>
<main>
<h2>Connect a client</h2>
${header ? `<p>Put your credential in the place of <code>${escapeHtml(header.credential)}</code>.</p>` : ''}
${settings
  .map(
    ({ client, where, hint, text }, index) => `<details name="client"${index === 0 ? ' open' : ''}>
<summary>${client} <small>${escapeHtml(hint ? `${where}; ${hint}` : where)}</small></summary>
<pre tabindex="0">${escapeHtml(text)}</pre>
</details>`,
  )
  .join('\n')}
<h2>Endpoints</h2>
<dl>
${endpoints.map(([label, method, url]) => `<dt>${label}</dt><dd><code>${method} ${escapeHtml(url)}</code></dd>`).join('\n')}
</dl>
</main>
<script>${script}</script>
</body>
</html>
`;
}

const style = `
:root { color-scheme: light dark; --text: #1c1f23; --quiet: #5b636d; --page: #fff; --box: #f3f5f7; --line: #d5dae0; --good: #17803d; --bad: #c0271b; --link: #0b5fbd; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e9ed; --quiet: #a0a9b4; --page: #14171a; --box: #1e2327; --line: #363d44; --good: #4ac26b; --bad: #ff7b72; --link: #6cb0ff; }
}
body { max-width: 46rem; margin: 0 auto; padding: 2rem 1rem 3rem; font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page); }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 2rem 0 0.5rem; font-size: 1.15rem; }
p { margin: 0.5rem 0; }
small { font-size: 0.85rem; font-weight: normal; color: var(--quiet); }
a { color: var(--link); }
code, pre { font: 0.875rem/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
#status { margin-top: 1rem; color: var(--quiet); }
#health { font-weight: 600; color: var(--good); }
#health::before { content: "● "; }
#health.bad { color: var(--bad); }
details { position: relative; margin: 0.5rem 0; border: 1px solid var(--line); border-radius: 0.5rem; background: var(--box); }
summary { padding: 0.6rem 1rem; cursor: pointer; font-weight: 600; }
pre { margin: 0; padding: 0.75rem 1rem; border-top: 1px solid var(--line); overflow-x: auto; white-space: pre-wrap; }
button { position: absolute; top: 0.45rem; right: 0.5rem; padding: 0.2rem 0.7rem; font: 0.875rem system-ui, sans-serif; color: var(--text); background: var(--page); border: 1px solid var(--line); border-radius: 0.35rem; cursor: pointer; }
details:not([open]) button { display: none; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.35rem 1.25rem; margin: 0; }
dt { color: var(--quiet); }
dd { margin: 0; }
@media (max-width: 32rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: 0.5rem; } }
`;

const script = `
const part = (id) => document.getElementById(id);

function duration(seconds) {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days > 0) return days + ' d ' + (hours % 24) + ' h';
  if (hours > 0) return hours + ' h ' + (minutes % 60) + ' min';
  if (minutes > 0) return minutes + ' min ' + (seconds % 60) + ' s';
  return seconds + ' s';
}

async function refresh() {
  let state = 'Not reachable';
  try {
    const response = await fetch(document.body.dataset.health);
    state = response.ok ? 'Running' : 'Not ready';
    if (response.ok) {
      const { sessions, uptimeSeconds } = await response.json();
      part('sessions').textContent = sessions;
      part('uptime').textContent = 'up ' + duration(uptimeSeconds);
    }
  } catch {}
  part('health').textContent = state;
  part('health').className = state === 'Running' ? '' : 'bad';
  setTimeout(refresh, 3000);
}
refresh();

for (const text of document.querySelectorAll('pre')) {
  const button = document.createElement('button');
  button.textContent = 'Copy';
  button.onclick = async () => {
    // Browsers give a clipboard to pages on HTTPS and on this machine; elsewhere the text is at least selected.
    getSelection().selectAllChildren(text);
    await navigator.clipboard?.writeText(text.textContent);
    button.textContent = navigator.clipboard ? 'Copied' : 'Press Ctrl+C';
  };
  text.before(button);
}
`;

/** Nothing but this page's own style and script may run, and it may call nothing but this server. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  `style-src '${digest(style)}'`,
  `script-src '${digest(script)}'`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

function digest(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
