// Prints a new API key. Add it to API_KEY in .env, with a name in front: `laptop:KEY`.
import { randomBytes } from 'node:crypto';

console.log(randomBytes(32).toString('base64url'));
