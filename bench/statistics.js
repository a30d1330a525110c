/** Median, least and greatest of several rounds. */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
  return { median, min: sorted[0], max: sorted.at(-1) };
}

/**
 * Several records of the same shape as one: of each number its spread and its `rounds` in order, of everything else the first
 * that is there. A round that failed leaves its `error` beside what the other rounds found.
 */
export function summarise(records) {
  const keys = new Set(records.flatMap((record) => Object.keys(record ?? {})));
  return Object.fromEntries(
    [...keys].map((key) => {
      const rounds = records.map((record) => record?.[key] ?? null);
      const values = rounds.filter((value) => value !== null);
      if (typeof values[0] === 'number') return [key, { ...spread(values), rounds }];
      if (typeof values[0] === 'object') return [key, summarise(rounds)];
      return [key, values[0]];
    }),
  );
}

/**
 * One figure of another, round by round: the median of the ratios, not the ratio of the medians. What slows a machine down for
 * a while slows both down in that round.
 */
export function pairedRatio(figure, other) {
  const ratios = figure?.rounds.map((value, round) => value / other?.rounds[round]).filter(Number.isFinite);
  return ratios?.length > 0 ? spread(ratios).median : undefined;
}
