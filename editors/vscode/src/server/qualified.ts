/**
 * Labels for the symbol picker, which drops every answer whose label does not match all that was typed: for
 * `Parser.parse` and `net::Socket` the label is the qualified name, written as the user writes it.
 *
 * Invariant: without a separator in the query, and where the outer names are nowhere to be found, the name stays.
 */

const SEPARATORS = /::|->|\?\.|&\.|[./\\]|(?<=\w)#/g;

export interface Named {
  name: string;
  containerName: string;
  /** Relative, with `/`. */
  path: string;
}

/** The label of a symbol for this query; undefined when its name will do. */
export function qualifiedLabel(query: string, symbol: Named): string | undefined {
  const typed = query.trim();
  const signs = typed.match(SEPARATORS);
  const parts = typed.toLowerCase().split(SEPARATORS).filter(Boolean);
  const outer = parts.slice(0, -1);
  if (!signs || outer.length === 0 || parts.length < 2) {
    return undefined;
  }
  const around = holding(namesOf(symbol.containerName), outer) ?? holding(foldersOf(symbol.path), outer);
  if (!around) {
    return undefined;
  }
  const last = signs.at(-1) ?? '.';
  const label = `${around.join(signs[0])}${last}${symbol.name}`;
  return label;
}

function namesOf(container: string): string[] {
  return container.split(SEPARATORS).filter(Boolean);
}

function foldersOf(path: string): string[] {
  return path
    .replace(/\.[^./]*$/, '')
    .split('/')
    .filter(Boolean);
}

/** Those of `names` from the one that holds the first of `outer` on; undefined when not all are there, in order. */
function holding(names: readonly string[], outer: readonly string[]): string[] | undefined {
  let first: number | undefined;
  let at = 0;
  for (const part of outer) {
    while (at < names.length && !names[at]?.toLowerCase().includes(part)) {
      at += 1;
    }
    if (at === names.length) {
      return undefined;
    }
    first ??= at;
    at += 1;
  }
  return names.slice(first);
}
