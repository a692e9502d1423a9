/** A hit in words: name, place, and the line of it that says most. */

import type { SearchHit } from '../protocol';

export interface Line {
  icon: string;
  name: string;
  place: string;
  /** Where what is shown begins, from 1. */
  line: number;
  snippet: string;
}

const LONGEST_SNIPPET = 160;

/** `relative`: the file's path as the user knows it. */
export function presentHit(hit: SearchHit, relative: string): Line {
  const base = relative.slice(relative.lastIndexOf('/') + 1);
  const name = hit.name ? (hit.container ? `${hit.container}.${hit.name}` : hit.name) : base;
  return {
    icon: iconOf(hit.kind),
    name,
    place: `${relative}:${lineOf(hit) + 1}`,
    line: lineOf(hit) + 1,
    snippet: snippetOf(hit.snippet),
  };
}

/** Where the lines begin that say most, from 0; never outside of the hit. */
export function lineOf({ range, snippetLine }: Pick<SearchHit, 'range' | 'snippetLine'>): number {
  const line = snippetLine ?? range.start.line;
  return line >= range.start.line && line <= range.end.line ? line : range.start.line;
}

/** The codicon of a symbol's kind. */
export function iconOf(kind: string): string {
  if (kind === 'text' || kind === '') {
    return 'file-text';
  }
  return kind === 'file' ? 'file' : `symbol-${kind}`;
}

/** The first lines that are more than brackets, on one line. */
export function snippetOf(text: string): string {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /\w/.test(line));
  const joined = lines
    .slice(0, 4)
    .join('  ')
    .replace(/\s{3,}/g, '  ');
  // `$(name)` would become an icon.
  const plain = joined.replaceAll('$(', '$\u200b(');
  return plain.length > LONGEST_SNIPPET ? `${plain.slice(0, LONGEST_SNIPPET - 1)}…` : plain;
}
