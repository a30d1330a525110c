import { startServer } from '../server-process.js';

/** Milliseconds from the command to the first connection that is accepted, and memory then. */
export async function measureStart(subject) {
  try {
    const server = await startServer(subject);
    const memoryMb = server.memoryKb() / 1024;
    await server.stop();
    return { startMs: server.startMs, memoryMb };
  } catch (error) {
    return { error: error.message };
  }
}
