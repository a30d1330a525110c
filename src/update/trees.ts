import { lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesIn } from '../project/index.ts';

/** The text files of a project by their path, with `/` between its parts. */
export type Tree = Map<string, Buffer>;

/** A file larger than this is no file of the template, nor one that was renamed. */
const largest = 1024 * 1024;

/** The files of these paths, without links and what is large. */
export function readFiles(directory: string, paths: Iterable<string>): Tree {
  const tree: Tree = new Map();
  for (const path of paths) {
    const stats = lstatSync(join(directory, path), { throwIfNoEntry: false });
    if (stats?.isFile() && stats.size <= largest) tree.set(path, readFileSync(join(directory, path)));
  }
  return tree;
}

/** All files in a folder. */
export function readTree(folder: string): Tree {
  return readFiles(folder, filesIn(folder));
}

/** How the lines of a text end. */
export function lineEndOf(text: string): '\n' | '\r\n' {
  return text.includes('\r\n') ? '\r\n' : '\n';
}

/** Whether every line of a file ends as Windows ends lines. */
export function hasWindowsEnds(content: Buffer): boolean {
  const text = content.toString('latin1');
  return text.includes('\r\n') && !/(?:^|[^\r])\n/.test(text);
}

export function withUnixEnds(content: Buffer): Buffer {
  return hasWindowsEnds(content)
    ? Buffer.from(content.toString('latin1').replaceAll('\r\n', '\n'), 'latin1')
    : content;
}

export function withWindowsEnds(content: Buffer): Buffer {
  return Buffer.from(content.toString('latin1').replace(/\r?\n/g, '\r\n'), 'latin1');
}
