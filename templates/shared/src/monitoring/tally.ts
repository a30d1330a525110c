/** How many there are of each key. A key that has none left takes no memory. */
export class Tally extends Map<string, number> {
  add(key: string): void {
    this.set(key, (this.get(key) ?? 0) + 1);
  }

  remove(key: string): void {
    const left = (this.get(key) ?? 1) - 1;
    if (left > 0) this.set(key, left);
    else this.delete(key);
  }
}
