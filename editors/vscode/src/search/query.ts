/**
 * What is typed into the search: words, and scopes among them (`@python`, `path:src`, `kind:class`).
 *
 * Invariant: what is no scope stays a word, so `@Override` can be searched for.
 */

const LANGUAGES = [
  ...['python', 'javascript', 'typescript', 'tsx', 'c', 'cpp', 'java', 'go', 'rust', 'ruby', 'php', 'c-sharp', 'bash'],
  ...['lua', 'kotlin', 'swift', 'scala', 'elixir', 'haskell', 'zig', 'objc', 'dart', 'perl', 'powershell', 'julia'],
  ...['html', 'css', 'json', 'yaml', 'toml', 'markdown', 'hcl', 'make'],
] as const;

const ALIASES: Record<string, readonly string[]> = {
  py: ['python'],
  js: ['javascript'],
  ts: ['typescript', 'tsx'],
  typescript: ['typescript', 'tsx'],
  jsx: ['javascript'],
  'c++': ['cpp'],
  cs: ['c-sharp'],
  csharp: ['c-sharp'],
  'c#': ['c-sharp'],
  rs: ['rust'],
  rb: ['ruby'],
  kt: ['kotlin'],
  sh: ['bash'],
  shell: ['bash'],
  shellscript: ['bash'],
  hs: ['haskell'],
  md: ['markdown'],
  yml: ['yaml'],
  terraform: ['hcl'],
  makefile: ['make'],
  'objective-c': ['objc'],
};

/** The kinds that can be asked for. */
export const KINDS: ReadonlySet<string> = new Set([
  ...['file', 'module', 'namespace', 'package', 'class', 'method', 'property', 'field', 'constructor', 'enum'],
  ...['interface', 'function', 'variable', 'constant', 'enum-member', 'struct', 'event', 'operator', 'type-parameter'],
]);

export interface Query {
  words: string;
  languages: string[];
  globs: string[];
  kinds: string[];
}

/** What was typed, part by part, and where each begins; a path may have blanks in quotes. */
export function tokensOf(text: string): { token: string; at: number }[] {
  return Array.from(text.matchAll(/path:"[^"]*"?|\S+/g), ({ 0: token, index: at }) => ({ token, at }));
}

/** The words and scopes of what was typed. */
export function parseQuery(text: string): Query {
  const query: Query = { words: '', languages: [], globs: [], kinds: [] };
  const words: string[] = [];
  for (const { token } of tokensOf(text)) {
    const languages = token.startsWith('@') ? languagesCalled(token.slice(1)) : [];
    const kind = /^kind:(.+)$/.exec(token)?.[1]?.toLowerCase();
    const place = /^path:"?([^"]*)"?$/.exec(token)?.[1];
    if (languages.length > 0) {
      query.languages.push(...languages.filter((language) => !query.languages.includes(language)));
    } else if (kind && KINDS.has(kind)) {
      query.kinds.push(kind);
    } else if (place !== undefined) {
      query.globs.push(...globsOf(place).filter((glob) => !query.globs.includes(glob)));
    } else {
      words.push(token);
    }
  }
  query.words = words.join(' ');
  return query;
}

export function isLanguage(name: string): boolean {
  return languagesCalled(name).length > 0;
}

/** What languages are called, those names first that are the languages' own. */
export function languageNames(): string[] {
  return [...LANGUAGES, ...Object.keys(ALIASES)];
}

function languagesCalled(name: string): readonly string[] {
  const low = name.toLowerCase();
  return (Object.hasOwn(ALIASES, low) ? ALIASES[low] : undefined) ?? LANGUAGES.filter((language) => language === low);
}

/** A folder's name means all in it, wherever it is; a pattern or a file's name means itself. */
function globsOf(place: string): string[] {
  const bare = place.replace(/^\.?\/+|\/+$/g, '');
  if (!bare) {
    return [];
  }
  if (/[*?[!]/.test(bare)) {
    return [bare];
  }
  return [`${bare}/**`, `**/${bare}/**`, bare.includes('/') ? `**/${bare}*` : `*${bare}*`].concat(
    bare.includes('/') ? [bare] : [],
  );
}
