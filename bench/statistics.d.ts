export interface Figure {
  median: number;
  min: number;
  max: number;
  /** In order; null where a round failed. */
  rounds: (number | null)[];
}

export function spread(values: number[]): Omit<Figure, 'rounds'>;
export function summarise(records: object[]): Record<string, unknown>;
export function pairedRatio(
  figure?: Pick<Figure, 'rounds'>,
  other?: Pick<Figure, 'rounds'>,
): number | undefined;
