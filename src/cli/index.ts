/** The command: reads arguments, asks, shows progress, and prints what came of it. */
export { main } from './command.ts';
