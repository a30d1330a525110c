import { readdirSync, readFileSync } from 'node:fs';

/** Descriptors that are no connections: files, the log, what the application opens. */
const reserve = 64;

/** How many files the system lets this process open; undefined where it does not say. */
export function maxDescriptors(): number | undefined {
  try {
    const [, most] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return most === undefined ? undefined : Number(most);
  } catch {
    return undefined; // Only Linux has this file.
  }
}

/** How many are open; undefined where the system does not say. */
export function openDescriptors(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length - 1; // Without the one that reads the folder.
  } catch {
    return undefined;
  }
}

/** Connections for which there are descriptors: a quarter stays for others where there are few. */
export function connectionsPossible(descriptors = maxDescriptors()): number {
  if (descriptors === undefined) return Infinity;
  return Math.max(1, descriptors - Math.min(reserve, Math.ceil(descriptors / 4)));
}
