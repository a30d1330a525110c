/** Median, least and greatest of several rounds. */
export function spread(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (sorted.length === 0) return undefined;
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
  return { median, min: sorted[0], max: sorted.at(-1) };
}

/** Like `spread`, for each number of several records of the same shape. What is no number is left out. */
export function spreadOf(records) {
  const keys = new Set(records.flatMap((record) => Object.keys(record)));
  const entries = [...keys].map((key) => [key, spread(records.map((record) => record[key]))]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}
