import { existsSync, readFileSync } from 'node:fs';
import { type ClientSettings, clientSettings, type Transport } from './client-settings.ts';

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

/** Stands for the origin of each request, and is quoted in commands as that is. */
const anyOrigin = 'http://origin.invalid';

/** What the browser loads for the page, by its path. */
const types = { css: 'text/css', js: 'text/javascript' };
const files = ['page.css', 'page.js', 'connection.js', 'dom.js', 'form.js', 'offer.js'];

/** Nothing but this server's own files may run or be loaded, nothing else be called, and no page may frame this one. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "connect-src 'self'",
  'img-src data:', // Images that tools return.
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "trusted-types 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

/**
 * A page for people who open the server in a browser, to try what it offers. Without JavaScript it still shows the
 * status and the client settings.
 *
 * @throws if the page's files are not there
 */
export function createLandingPage(options: LandingPageOptions) {
  const folder = pageFolder();
  const read = (file: string) => readFileSync(new URL(file, folder), 'utf8');
  // All but these three is the same for every visitor, and written once.
  const page = fill(read('index.html'), {
    ...values(options),
    sessions: '{sessions}',
    startedAt: '{startedAt}',
  });

  return {
    html: (origin: string, sessions: number, startedAt: Date) =>
      page
        .replaceAll(anyOrigin, () => escapeHtml(origin))
        .replace('{sessions}', String(sessions))
        .replace('{startedAt}', `${startedAt.toISOString().slice(0, 16).replace('T', ' ')} UTC`),
    /** By path, what the page is made of. */
    files: files.map((file) => ({
      path: `/page/${file}`,
      type: `${types[file.endsWith('.css') ? 'css' : 'js']}; charset=utf-8`,
      text: read(file),
    })),
  };
}

/**
 * The project's folder `page/`: the nearest above this file, wherever that was compiled to. The files are served from
 * where they are written, so that no build has to copy them. A server without them does not start, since a page
 * that is missing would be noticed by visitors only.
 */
function pageFolder(): URL {
  let folder = new URL('.', import.meta.url);
  for (;;) {
    const page = new URL('page/', folder);
    if (existsSync(new URL('index.html', page))) return page;
    const above = new URL('..', folder);
    if (above.href === folder.href) break;
    folder = above;
  }
  throw new Error('the folder page/ must be next to dist/: copy it there, or set LANDING_PAGE=off');
}

/** What stands in the place of the names in `index.html`. */
function values({ name, version, basePath, paths, credentialHeader = '' }: LandingPageOptions) {
  const { endpoint, messageEndpoint, streamableHttpEndpoint } = paths;
  const base = anyOrigin + basePath;
  const isBearer = credentialHeader.toLowerCase() === 'authorization';
  const placeholder = isBearer ? '<token>' : '<key>';
  const address = {
    name,
    messageUrl: base + messageEndpoint,
    header: credentialHeader
      ? { name: credentialHeader, prefix: isBearer ? 'Bearer ' : '', credential: placeholder }
      : undefined,
  };
  const settings = (transport: Transport, path: string) =>
    clientSettings({ ...address, transport, url: base + path })
      .map(disclosure)
      .join('\n');
  const endpoints = [
    ['Event stream', `GET ${base}${endpoint}`],
    ['Messages', `POST ${base}${messageEndpoint}?sessionId=…`],
    ...(streamableHttpEndpoint ? [['Streamable HTTP', `POST ${base}${streamableHttpEndpoint}`]] : []),
    ['Health', `GET ${base}/health`],
  ] as [string, string][];

  return {
    name: escapeHtml(name),
    version: escapeHtml(version),
    base: escapeHtml(basePath),
    endpoint: escapeHtml(endpoint),
    streamableHttpUrl: escapeHtml(streamableHttpEndpoint ? basePath + streamableHttpEndpoint : ''),
    header: escapeHtml(credentialHeader),
    placeholder: escapeHtml(placeholder),
    credentialNote: credentialHeader
      ? `<p>Replace <code>${escapeHtml(placeholder)}</code> with your credential.</p>`
      : '',
    clients: streamableHttpEndpoint
      ? `<h3>Over Streamable HTTP</h3>
${settings('streamable-http', streamableHttpEndpoint)}
<h3>Over SSE, for clients that know nothing newer</h3>
${settings('sse', endpoint)}`
      : settings('sse', endpoint),
    endpoints: endpoints
      .map(([label, url]) => `<dt>${label}</dt><dd><code>${escapeHtml(url)}</code></dd>`)
      .join('\n'),
  };
}

function disclosure({ client, where, hint, text }: ClientSettings): string {
  return `<details name="client">
<summary>${client} <small>${escapeHtml(hint ? `${where}; ${hint}` : where)}</small></summary>
<pre tabindex="0">${escapeHtml(text)}</pre>
</details>`;
}

function fill(template: string, texts: Record<string, string>): string {
  return template.replace(/\{(\w+)\}/g, (_, name) => {
    const text = texts[name];
    if (text === undefined) throw new Error(`index.html names {${name}}, which nothing stands for`);
    return text;
  });
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
