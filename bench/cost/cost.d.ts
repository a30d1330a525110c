/** For each tool call. */
export interface Cost {
  /** Calls of JavaScript functions, Node's own included. */
  functionCalls: number;
  /** Promises that are made. */
  promises: number;
  /** Timers that are started. */
  timers: number;
  /** Bytes that are allocated. */
  bytes: number;
}

export function costOfCall(directory: string, entry: string, path?: string): Promise<Cost>;
