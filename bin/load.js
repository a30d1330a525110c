// Apart from create-mcp-sse.js, since an old Node.js cannot even read import().
import('../dist/main.js');
