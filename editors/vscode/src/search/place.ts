/** Where a hit leads: its line in the file, and its lines in the text that an editor shows. */

import type { SearchHit } from '../protocol';

/** A hit, or as much of one as leads to its place. */
export type Place = Pick<SearchHit, 'uri' | 'range' | 'name' | 'snippetLine' | 'definition' | 'remote'>;

/** Where a hit leads, from 0; the rule is that of docs/protocol.md. */
export function lineOf({ range, name, snippetLine, definition }: Omit<Place, 'uri' | 'remote'>): number {
  const isInside = (line: number | undefined): line is number =>
    line !== undefined && line >= range.start.line && line < range.end.line;
  return [name ? definition?.range.start.line : undefined, snippetLine].find(isInside) ?? range.start.line;
}

/** Lines of a text, from 0, inclusive. */
export interface Lines {
  first: number;
  last: number;
  /** Where the cursor comes to stand. */
  cursor: number;
}

/**
 * The lines of a place in a text of `count` lines, which may have become shorter since. What is shown of code that is not
 * here is no part of its file: its last line is the address.
 */
export function linesIn(place: Place, count: number): Lines {
  const end = Math.max(0, count - 1);
  if (place.remote) {
    return { first: end, last: end, cursor: end };
  }
  const { start, end: beyond } = place.range;
  return {
    first: Math.min(start.line, end),
    last: Math.min(Math.max(start.line, beyond.line - 1), end),
    cursor: Math.min(lineOf(place), end),
  };
}
