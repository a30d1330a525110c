/** Median, least and greatest of several rounds. */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
  return { median, min: sorted[0], max: sorted.at(-1) };
}

/**
 * Several records of the same shape as one: of each number its spread, of everything else the first that is there.
 * A round that failed leaves its `error` beside what the other rounds found.
 */
export function summarise(records) {
  const keys = new Set(records.flatMap((record) => Object.keys(record)));
  return Object.fromEntries(
    [...keys].map((key) => {
      const values = records
        .map((record) => record[key])
        .filter((value) => value !== undefined && value !== null);
      if (typeof values[0] === 'number') return [key, spread(values)];
      if (typeof values[0] === 'object') return [key, summarise(values)];
      return [key, values[0]];
    }),
  );
}
