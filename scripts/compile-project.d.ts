import type { RenderedFiles } from '../src/index.ts';

/** Writes rendered files and compiles them, without an install: the directory is inside this repository. */
export function compileProject(directory: string, files: RenderedFiles, outDir?: string): void;
