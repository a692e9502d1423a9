/**
 * The extension's settings, read once where they are needed.
 *
 * Invariant: package.json declares every key with its default; the server gets only those it knows.
 */

import type { Mode } from './protocol';

export type WhenOthers = 'auto' | 'always' | 'never';
export type SymbolsWhenOthers = 'merge' | 'always' | 'others' | 'never';

/** What `workspace.getConfiguration('lowtide')` is here. */
export interface Configuration {
  get(key: string): unknown;
}

export interface Settings {
  path: string;
  budget: string;
  workspaceSymbols: SymbolsWhenOthers;
  outline: WhenOthers;
  hover: WhenOthers;
  definition: WhenOthers;
  references: WhenOthers;
  progress: boolean;
  searchMode: Mode;
  searchLimit: number;
  searchDelayMs: number;
  searchPreview: boolean;
}

/** The settings as they are now; a value of another type than declared gives the default. */
export function readSettings(configuration: Configuration): Settings {
  const text = <T extends string>(key: string, allowed: readonly [T, ...T[]]): T => {
    const value = configuration.get(key);
    return allowed.find((one) => one === value) ?? allowed[0];
  };
  const line = (key: string): string => {
    const value = configuration.get(key);
    return typeof value === 'string' ? value.trim() : '';
  };
  const whole = (key: string, least: number, most: number, fallback: number): number => {
    const value = configuration.get(key);
    return typeof value === 'number' && Number.isFinite(value)
      ? Math.min(most, Math.max(least, Math.round(value)))
      : fallback;
  };
  const flag = (key: string): boolean => configuration.get(key) !== false;
  return {
    path: line('path'),
    budget: line('budget'),
    workspaceSymbols: text('workspaceSymbols', ['merge', 'always', 'others', 'never']),
    outline: text('outline', ['auto', 'always', 'never']),
    hover: text('hover', ['auto', 'always', 'never']),
    definition: text('definition', ['auto', 'always', 'never']),
    references: text('references', ['auto', 'always', 'never']),
    progress: flag('progress'),
    searchMode: text('search.mode', ['hybrid', 'semantic', 'lexical']),
    searchLimit: whole('search.limit', 1, 200, 30),
    searchDelayMs: whole('search.delay', 0, 2000, 150),
    searchPreview: flag('search.preview'),
  };
}

/** What the server is told: to answer in every language, for what is shown is decided here. */
export function serverSettings(settings: Settings): Record<string, unknown> {
  return {
    definition: { '*': true },
    references: { '*': true },
    progress: settings.progress,
    ...(settings.budget ? { budget: settings.budget } : {}),
  };
}
