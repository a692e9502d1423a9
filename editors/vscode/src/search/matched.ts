/**
 * Where the words of a question stand in a line of code, to be marked there.
 *
 * Invariant: ranges are in order and do not overlap, as the editor's labels want them.
 */

const MOST_WORDS = 32;
const LEAST_LETTERS = 3;

/** [start, end) of every word of `query` in `line`, also inside of names. */
export function matchedRanges(query: string, line: string): [number, number][] {
  const words = [...new Set(query.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [])]
    .filter((word) => word.length >= LEAST_LETTERS)
    .slice(0, MOST_WORDS);
  const low = line.toLowerCase();
  // A letter whose small form is longer would shift all that follows.
  if (low.length !== line.length) {
    return [];
  }
  const found: [number, number][] = [];
  for (const word of words) {
    for (let at = low.indexOf(word); at >= 0; at = low.indexOf(word, at + word.length)) {
      found.push([at, at + word.length]);
    }
  }
  found.sort(([a, aEnd], [b, bEnd]) => a - b || bEnd - aEnd);
  const merged: [number, number][] = [];
  for (const [start, end] of found) {
    const last = merged.at(-1);
    if (last && start < last[1]) {
      last[1] = Math.max(last[1], end);
    } else {
      merged.push([start, end]);
    }
  }
  return merged;
}
