/**
 * What stands between the editor and the server: symbols, outlines, hovers, definitions and references step back where
 * another extension answers.
 *
 * Invariant: a failure to learn what others give shows a thing twice rather than never.
 */

import * as vscode from 'vscode';
import type { Middleware } from 'vscode-languageclient/node';
import { serverSettings, type Settings, type WhenOthers } from '../settings';
import { fileServed, languageServed, withoutDoubles } from './others';
import { qualifiedLabel } from './qualified';
import { keyOf, StepBack } from './stepBack';

/** The others are asked once more for this long; without an answer all symbols are shown. */
const OTHERS_MS = 1_500;

export function middleware(settings: (document?: vscode.TextDocument) => Settings): Middleware {
  /** Queries that are being put to the other extensions: what comes back to us with one of them is our own echo. */
  const asking = new Set<string>();
  const others = new StepBack();

  const answer = async <T>(
    when: WhenOthers,
    command: string,
    document: vscode.TextDocument,
    position: vscode.Position,
    token: vscode.CancellationToken,
    own: () => vscode.ProviderResult<T>,
  ): Promise<T | null | undefined> => {
    if (when === 'never') {
      return null;
    }
    if (when === 'always') {
      return own();
    }
    const ask = (): Thenable<unknown> => vscode.commands.executeCommand(command, document.uri, position);
    return others.unlessOthers(keyOf(command, document, position), own, ask, token);
  };

  return {
    workspace: {
      configuration: (params) => params.items.map(() => serverSettings(settings())),
    },
    // The editor keeps one outline for all who ask: to ask the others here would be to wait for ourselves.
    provideDocumentSymbols: (document, token, next) => {
      const when = settings(document).outline;
      return when === 'always' || (when === 'auto' && !languageServed(document.languageId, isActive))
        ? next(document, token)
        : null;
    },
    provideHover: (document, position, token, next) =>
      answer(settings(document).hover, 'vscode.executeHoverProvider', document, position, token, () =>
        next(document, position, token),
      ),
    provideDefinition: (document, position, token, next) =>
      answer(settings(document).definition, 'vscode.executeDefinitionProvider', document, position, token, () =>
        next(document, position, token),
      ),
    provideReferences: (document, position, options, token, next) =>
      answer(settings(document).references, 'vscode.executeReferenceProvider', document, position, token, () =>
        next(document, position, options, token),
      ),
    provideWorkspaceSymbols: async (query, token, next) => {
      const when = settings().workspaceSymbols;
      if (when === 'never' || asking.has(query)) {
        return [];
      }
      const own = (await next(query, token)) ?? [];
      const served = own.filter((symbol) => fileServed(symbol.location.uri.path, isActive));
      if (when === 'always' || served.length === 0 || token.isCancellationRequested) {
        return labelled(query, own);
      }
      if (when === 'others') {
        return labelled(
          query,
          own.filter((symbol) => !served.includes(symbol)),
        );
      }
      asking.add(query);
      try {
        const found = await withTime(
          vscode.commands.executeCommand<vscode.SymbolInformation[]>('vscode.executeWorkspaceSymbolProvider', query),
        );
        return labelled(query, withoutDoubles(own, found.map(placeOf), placeOf));
      } catch {
        return labelled(query, own);
      } finally {
        asking.delete(query);
      }
    },
  };
}

/** With the names by which the editor's own filter lets them pass. */
function labelled(query: string, symbols: vscode.SymbolInformation[]): vscode.SymbolInformation[] {
  for (const symbol of symbols) {
    const { name, containerName, location } = symbol;
    const path = vscode.workspace.asRelativePath(location.uri);
    const label = qualifiedLabel(query, { name, containerName, path });
    if (label !== undefined) {
      symbol.name = label;
      symbol.containerName = '';
    }
  }
  return symbols;
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
