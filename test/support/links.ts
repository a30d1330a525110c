/** A Markdown text without what is shown as code, where brackets are no links. */
function prose(markdown: string): string {
  return markdown
    .replace(/^ *```[\s\S]*?^ *```/gm, '')
    .replace(/`[^`\n]*`/g, '')
    .replace(/<!--[\s\S]*?-->/g, '');
}

/** Where a Markdown text links to, pictures included. */
export function linksOf(markdown: string): string[] {
  const text = prose(markdown);
  const inline = text.matchAll(/\]\(([^)\s]+)\)/g);
  const defined = text.matchAll(/^\[[^\]]+\]: (\S+)$/gm);
  const html = text.matchAll(/<(?:a|img|source)\s[^>]*?(?:href|src|srcset)="([^"]*)"/g);
  return [...inline, ...defined, ...html].map(([, link = '']) => link);
}

/** The anchors that GitHub makes of the headings of a Markdown text. */
export function anchorsOf(markdown: string): string[] {
  const seen = new Map<string, number>();
  const headings = markdown.replace(/^ *```[\s\S]*?^ *```/gm, '').matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, heading = '']) => {
    const anchor = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-');
    const count = seen.get(anchor) ?? 0;
    seen.set(anchor, count + 1);
    return count === 0 ? anchor : `${anchor}-${count}`;
  });
}

export const isElsewhere = (link: string) => /^[a-z]+:/.test(link);

/** The form of an address on the internet, which no test can follow. */
export const address = /^https:\/\/[\w.-]+\.[a-z]+(\/[\w./~%?=&#:@+-]*)?$/;
