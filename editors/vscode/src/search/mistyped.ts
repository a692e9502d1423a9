/**
 * Scopes that were meant and are none: `@pyton`, `kind:funktion`, `lang:py`.
 *
 * Invariant: they stay words of the question; this only tells of them, and how they would be right.
 */

import { isLanguage, KINDS, languageNames, tokensOf } from './query';

export interface Mistyped {
  /** As it was typed. */
  typed: string;
  /** The scope that was likely meant. */
  right: string;
  /** The whole question with that instead. */
  text: string;
}

/** Other tools' words for the same. */
const SIGNS: Record<string, 'language' | 'kind' | 'path'> = {
  lang: 'language',
  language: 'language',
  kind: 'kind',
  symbol: 'kind',
  file: 'path',
  dir: 'path',
  folder: 'path',
};

/** The first scope of `text` that is none, if it is clear what was meant. */
export function mistypedIn(text: string): Mistyped | undefined {
  for (const { token: typed, at } of tokensOf(text)) {
    const right = meant(typed);
    if (right !== undefined) {
      return { typed, right, text: text.slice(0, at) + right + text.slice(at + typed.length) };
    }
  }
  return undefined;
}

function meant(typed: string): string | undefined {
  if (typed.startsWith('@')) {
    const name = typed.slice(1).toLowerCase();
    const near = isLanguage(name) ? undefined : nearest(name, languageNames());
    return near === undefined ? undefined : `@${near}`;
  }
  const [, sign, value] = /^(\w+):(\S+)$/.exec(typed.toLowerCase()) ?? [];
  if (sign === undefined || value === undefined) {
    return undefined;
  }
  switch (Object.hasOwn(SIGNS, sign) ? SIGNS[sign] : undefined) {
    case 'language': {
      const near = isLanguage(value) ? value : nearest(value, languageNames());
      return near === undefined ? undefined : `@${near}`;
    }
    case 'kind': {
      const near = KINDS.has(value) ? value : nearest(value, KINDS);
      return near === undefined || (sign === 'kind' && near === value) ? undefined : `kind:${near}`;
    }
    case 'path':
      return value.startsWith('//') ? undefined : `path:${typed.slice(sign.length + 1)}`;
    case undefined:
      return undefined;
  }
}

/** A name that was only begun is further away than one with a wrong letter, and nearer than one with two. */
const BEGINS = 1.5;

/** The one of `names` that is a letter or two away, or begins so; undefined when none is. */
function nearest(typed: string, names: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = typed.length < 5 ? 2 : 3;
  for (const name of names) {
    const away = Math.min(distance(typed, name), name.startsWith(typed) ? BEGINS : Infinity);
    if (away < least && Math.min(typed.length, name.length) > 2) {
      best = name;
      least = away;
    }
  }
  return best;
}

/** How many letters are to be changed, put in, left out or swapped with their neighbour. */
function distance(one: string, other: string): number {
  let before: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let row = 1; row <= one.length; row += 1) {
    const next = [row];
    for (let column = 1; column <= other.length; column += 1) {
      const same = one[row - 1] === other[column - 1];
      let least = Math.min(
        (last[column] ?? 0) + 1,
        (next[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1]) {
        least = Math.min(least, (before[column - 2] ?? 0) + 1);
      }
      next.push(least);
    }
    before = last;
    last = next;
  }
  return last[other.length] ?? 0;
}
