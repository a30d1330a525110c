import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);
const manifest = require.resolve('@modelcontextprotocol/inspector/package.json');
const { version, bin } = require(manifest);

/** MCP Inspector's command line: how it is started with the Node.js that it asks for, and its version. */
export const inspector = {
  launcher: join(dirname(manifest), bin['mcp-inspector']),
  version: version as string,
};
