export interface Target {
  name: string;
  limit: number;
  value?: number;
  met?: boolean;
}

export function evaluateTargets(results: {
  measures: Record<string, Record<string, unknown>>;
  servers: { id: string; ours?: boolean; floor?: boolean }[];
}): Target[];
