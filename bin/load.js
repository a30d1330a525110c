// Not in create-mcp-sse.js, because an old Node.js cannot parse import().
import('../dist/main.js');
