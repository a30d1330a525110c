/** Counts the values in parsed JSON, itself included, and stops counting above `most`. */
export function countValues(json: unknown, most: number): number {
  let values = 1;
  if (typeof json !== 'object' || json === null) return values;
  for (const value of Object.values(json)) {
    values += typeof value === 'object' && value !== null ? countValues(value, most - values) : 1;
    if (values > most) break;
  }
  return values;
}
