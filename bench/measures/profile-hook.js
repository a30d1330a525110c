// Loaded into a server that is profiled. SIGUSR2 begins; SIGTERM writes what was seen to PROFILE_FILE, and ends.
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';

const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.setSamplingInterval', { interval: 200 });

process.on('SIGUSR2', () => session.post('Profiler.start'));
process.prependListener('SIGTERM', async () => {
  const { profile } = await session.post('Profiler.stop');
  writeFileSync(process.env.PROFILE_FILE, JSON.stringify(profile));
  process.exit();
});
