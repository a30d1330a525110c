// Prints a new API key of 256 random bits. Add it to API_KEY in .env with a name in front, and scopes behind if its
// caller needs any: API_KEY=laptop:KEY:read write,ci:KEY
import { randomBytes } from 'node:crypto';

console.log(randomBytes(32).toString('base64url'));
