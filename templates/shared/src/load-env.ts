// Reads .env before any other module is loaded: what they find in process.env at module level is then complete. A
// variable that is set already stays as it is.
import { existsSync } from 'node:fs';

const file = new URL('../.env', import.meta.url);
try {
  if (existsSync(file)) process.loadEnvFile(file);
} catch {
  console.error('.env must be a file that this user can read');
  process.exit(1);
}
