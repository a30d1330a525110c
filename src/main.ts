import { main } from './cli/index.ts';

// The reader of the output may go away early, as `| head` does. The project is created nevertheless.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

process.exitCode = await main(process.argv.slice(2));
