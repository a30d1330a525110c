export interface LandingPageFacts {
  name: string;
  sessions: number;
  sseUrl: string;
  streamableHttpUrl: string | undefined;
  /** The header that carries the credential; undefined where none is needed. */
  credentialHeader: string | undefined;
}

/** A small page for people who open the server in a browser. */
export function landingPage(facts: LandingPageFacts): string {
  const { credentialHeader } = facts;
  const placeholder = credentialHeader?.toLowerCase() === 'authorization' ? 'Bearer <token>' : '<key>';
  const headers = credentialHeader && { [credentialHeader]: placeholder };
  const settings = {
    mcpServers: { [facts.name]: { type: 'sse', url: facts.sseUrl, ...(headers && { headers }) } },
  };
  const endpoints = [['SSE', facts.sseUrl]];
  if (facts.streamableHttpUrl) endpoints.push(['Streamable HTTP', facts.streamableHttpUrl]);

  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escape(facts.name)}</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
  code, pre { font-family: ui-monospace, monospace; }
  pre { overflow-x: auto; padding: 1rem; border: 1px solid; border-radius: 0.5rem; }
</style>
</head>
<body>
<h1>${escape(facts.name)}</h1>
<p>An MCP server. It is running, with ${facts.sessions} open session${facts.sessions === 1 ? '' : 's'}.</p>
<ul>
${endpoints.map(([label, url]) => `<li>${label}: <code>${escape(url as string)}</code></li>`).join('\n')}
</ul>
<h2>Settings for a client</h2>
<pre>${escape(JSON.stringify(settings, null, 2))}</pre>
</body>
</html>
`;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
