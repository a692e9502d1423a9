/**
 * What stands between the editor and the server: symbols, outlines and hovers step back where another extension serves.
 *
 * Invariant: a failure to learn what others give shows a symbol twice rather than never.
 */

import * as vscode from 'vscode';
import type { Middleware } from 'vscode-languageclient/node';
import { serverSettings, type Settings, type WhenOthers } from '../settings';
import { fileServed, languageServed, withoutDoubles } from './others';

/** The others are asked once more for this long; without an answer all symbols are shown. */
const OTHERS_MS = 1_500;

export function middleware(settings: () => Settings): Middleware {
  /** Queries that are being put to the other extensions: what comes back to us with one of them is our own echo. */
  const asking = new Set<string>();
  const answers = (when: WhenOthers, document: vscode.TextDocument): boolean =>
    when === 'always' || (when === 'auto' && !languageServed(document.languageId, isActive));

  return {
    workspace: {
      configuration: (params) => params.items.map(() => serverSettings(settings())),
    },
    provideDocumentSymbols: (document, token, next) =>
      answers(settings().outline, document) ? next(document, token) : null,
    provideHover: (document, position, token, next) =>
      answers(settings().hover, document) ? next(document, position, token) : null,
    provideWorkspaceSymbols: async (query, token, next) => {
      const when = settings().workspaceSymbols;
      if (when === 'never' || asking.has(query)) {
        return [];
      }
      const own = (await next(query, token)) ?? [];
      const served = own.filter((symbol) => fileServed(symbol.location.uri.path, isActive));
      if (when === 'always' || served.length === 0 || token.isCancellationRequested) {
        return own;
      }
      if (when === 'others') {
        return own.filter((symbol) => !served.includes(symbol));
      }
      asking.add(query);
      try {
        const others = await withTime(
          vscode.commands.executeCommand<vscode.SymbolInformation[]>('vscode.executeWorkspaceSymbolProvider', query),
        );
        return withoutDoubles(own, others.map(placeOf), placeOf);
      } catch {
        return own;
      } finally {
        asking.delete(query);
      }
    },
  };
}

function isActive(extension: string): boolean {
  return vscode.extensions.getExtension(extension)?.isActive ?? false;
}

function placeOf(symbol: vscode.SymbolInformation): { name: string; uri: string; line: number } {
  return { name: symbol.name, uri: symbol.location.uri.toString(), line: symbol.location.range.start.line };
}

async function withTime<T>(answer: Thenable<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      answer,
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error('too slow')), OTHERS_MS);
      }),
    ]);
  } finally {
    clearTimeout(timer);
  }
}
