/** What a layer contributes to the project's package.json. */
export interface PackagePart {
  private?: boolean;
  type?: string;
  engines?: Record<string, string>;
  scripts?: Record<string, string>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

/** Composes package.json from the parts of the layers. If two parts have the same entry, the later one wins. */
export function composePackage(parts: readonly PackagePart[], name: string): string {
  const [shared = {}] = parts;
  const united = (key: 'scripts' | 'dependencies' | 'devDependencies'): Record<string, string> =>
    Object.assign({}, ...parts.map((part) => part[key]));
  const sorted = (packages: Record<string, string>) =>
    Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)));

  const composed = {
    name,
    version: '0.1.0',
    private: shared.private,
    type: shared.type,
    engines: shared.engines,
    scripts: united('scripts'),
    dependencies: sorted(united('dependencies')),
    devDependencies: sorted(united('devDependencies')),
  };
  return `${JSON.stringify(composed, null, 2)}\n`;
}
