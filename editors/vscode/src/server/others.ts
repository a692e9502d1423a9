/**
 * Which languages another extension already serves, so that nothing is shown twice.
 *
 * Invariant: only extensions that are active count; one that is installed and asleep gives nothing.
 */

interface Family {
  languages: readonly string[];
  suffixes: readonly string[];
  extensions: readonly string[];
}

const FAMILIES: readonly Family[] = [
  {
    languages: ['python'],
    suffixes: ['.py', '.pyi'],
    extensions: [
      'ms-python.vscode-pylance',
      'ms-python.python',
      'detachhead.basedpyright',
      'ms-pyright.pyright',
      'astral-sh.ty',
      'meta.pyrefly',
    ],
  },
  {
    languages: ['typescript', 'typescriptreact', 'javascript', 'javascriptreact'],
    suffixes: ['.ts', '.tsx', '.mts', '.cts', '.js', '.jsx', '.mjs', '.cjs'],
    extensions: ['vscode.typescript-language-features', 'typescriptteam.native-preview', 'denoland.vscode-deno'],
  },
  {
    languages: ['c', 'cpp', 'objective-c', 'objective-cpp', 'cuda-cpp'],
    suffixes: ['.c', '.h', '.cc', '.cpp', '.cxx', '.hh', '.hpp', '.hxx', '.m', '.mm'],
    extensions: ['llvm-vs-code-extensions.vscode-clangd', 'ms-vscode.cpptools', 'ccls-project.ccls'],
  },
  { languages: ['rust'], suffixes: ['.rs'], extensions: ['rust-lang.rust-analyzer'] },
  { languages: ['go'], suffixes: ['.go'], extensions: ['golang.go'] },
  {
    languages: ['java'],
    suffixes: ['.java'],
    extensions: ['redhat.java', 'oracle.oracle-java', 'georgewfraser.vscode-javac'],
  },
  { languages: ['csharp'], suffixes: ['.cs'], extensions: ['ms-dotnettools.csharp', 'muhammad-sammy.csharp'] },
  { languages: ['ruby'], suffixes: ['.rb'], extensions: ['shopify.ruby-lsp', 'castwide.solargraph'] },
  {
    languages: ['php'],
    suffixes: ['.php'],
    extensions: ['bmewburn.vscode-intelephense-client', 'devsense.phptools-vscode'],
  },
  { languages: ['lua'], suffixes: ['.lua'], extensions: ['sumneko.lua'] },
  { languages: ['kotlin'], suffixes: ['.kt', '.kts'], extensions: ['jetbrains.kotlin', 'fwcd.kotlin'] },
  { languages: ['scala'], suffixes: ['.scala', '.sc'], extensions: ['scalameta.metals'] },
  { languages: ['swift'], suffixes: ['.swift'], extensions: ['swiftlang.swift-vscode', 'sswg.swift-lang'] },
  { languages: ['haskell'], suffixes: ['.hs'], extensions: ['haskell.haskell'] },
  {
    languages: ['elixir'],
    suffixes: ['.ex', '.exs'],
    extensions: ['jakebecker.elixir-ls', 'lexical-lsp.lexical', 'elixir-lsp.elixir-ls'],
  },
  { languages: ['zig'], suffixes: ['.zig'], extensions: ['ziglang.vscode-zig'] },
  { languages: ['dart'], suffixes: ['.dart'], extensions: ['dart-code.dart-code'] },
  { languages: ['julia'], suffixes: ['.jl'], extensions: ['julialang.language-julia'] },
  { languages: ['powershell'], suffixes: ['.ps1', '.psm1'], extensions: ['ms-vscode.powershell'] },
  { languages: ['shellscript'], suffixes: ['.sh', '.bash'], extensions: ['mads-hartmann.bash-ide-vscode'] },
  { languages: ['perl'], suffixes: ['.pl', '.pm'], extensions: ['bscan.perlnavigator', 'richterger.perl'] },
  { languages: ['terraform', 'hcl'], suffixes: ['.tf', '.hcl'], extensions: ['hashicorp.terraform'] },
  { languages: ['markdown'], suffixes: [], extensions: ['vscode.markdown-language-features'] },
  { languages: ['json', 'jsonc'], suffixes: [], extensions: ['vscode.json-language-features'] },
  { languages: ['html'], suffixes: [], extensions: ['vscode.html-language-features'] },
  { languages: ['css', 'scss', 'less'], suffixes: [], extensions: ['vscode.css-language-features'] },
  { languages: ['yaml'], suffixes: [], extensions: ['redhat.vscode-yaml'] },
  { languages: ['toml'], suffixes: [], extensions: ['tamasfe.even-better-toml'] },
];

export type IsActive = (extension: string) => boolean;

/** Whether an active extension gives outlines and hovers in this language (VS Code's identifier). */
export function languageServed(language: string, isActive: IsActive): boolean {
  return FAMILIES.some((family) => family.languages.includes(language) && family.extensions.some(isActive));
}

/** Whether an active extension gives workspace symbols of this file. */
export function fileServed(file: string, isActive: IsActive): boolean {
  const name = file.toLowerCase();
  return FAMILIES.some(
    (family) => family.suffixes.some((suffix) => name.endsWith(suffix)) && family.extensions.some(isActive),
  );
}

/** One symbol, for the comparison of two lists. */
export interface Place {
  name: string;
  uri: string;
  line: number;
}

/** Decorators and modifiers make two extensions disagree about the line where a definition begins. */
const NEAR_LINES = 3;

/** Those of `own` that are not in `others`. */
export function withoutDoubles<T>(own: readonly T[], others: readonly Place[], place: (symbol: T) => Place): T[] {
  const known = new Map<string, number[]>();
  for (const other of others) {
    const key = keyOf(other);
    const lines = known.get(key);
    if (lines) {
      lines.push(other.line);
    } else {
      known.set(key, [other.line]);
    }
  }
  return own.filter((symbol) => {
    const mine = place(symbol);
    return !known.get(keyOf(mine))?.some((line) => Math.abs(line - mine.line) <= NEAR_LINES);
  });
}

function keyOf(place: Place): string {
  return `${place.name.replace(/\(.*$/, '')}\n${place.uri}`;
}
