export interface Counts {
  calls: number;
  answered: number;
  failed: number;
  silent: number;
  wrong: number;
  refused: number;
  secondCopies: number;
}

export function startLoad(options: {
  origin: string;
  headers: Record<string, string>;
  clients: number;
  callsPerSecond: number;
  patience?: number;
  call: (number: number) => { name: string; arguments: object; text?: string };
}): Promise<{
  counts: Counts;
  reasons: Map<string, number>;
  running(): number;
  finish(): Promise<Counts & { connected: number; clients: number }>;
}>;
