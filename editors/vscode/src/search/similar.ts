/** Code like the code that is selected, into the results view. */

import * as vscode from 'vscode';
import { t } from '../l10n';
import type { Server } from '../server/server';
import type { Found } from './search';

export async function findSimilar(server: Server, keep: (found: Found) => void): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (!editor) {
    return;
  }
  const { document } = editor;
  const range = await selectionOrDefinition(editor);
  const wire = {
    start: { line: range.start.line, character: range.start.character },
    end: { line: range.end.line, character: range.end.character },
  };
  const result = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Window, title: t('Looking for similar code') },
    () =>
      server.request('lowtide/similar', {
        textDocument: { uri: document.uri.toString() },
        range: wire,
        limit: server.settings.searchLimit,
      }),
  );
  const name = vscode.workspace.asRelativePath(document.uri);
  keep({
    title: t('similar to {0}:{1}', name.slice(name.lastIndexOf('/') + 1), range.start.line + 1),
    hits: result.hits,
  });
}

/** Without a selection: the innermost definition around the cursor, else the line. */
async function selectionOrDefinition(editor: vscode.TextEditor): Promise<vscode.Range> {
  const { selection, document } = editor;
  if (!selection.isEmpty) {
    return selection;
  }
  const symbols = await vscode.commands.executeCommand<vscode.DocumentSymbol[] | undefined>(
    'vscode.executeDocumentSymbolProvider',
    document.uri,
  );
  let around: vscode.Range | undefined;
  let level: readonly vscode.DocumentSymbol[] = symbols ?? [];
  for (;;) {
    const inner = level.find((symbol) => 'children' in symbol && symbol.range.contains(selection.active));
    if (!inner) {
      return around ?? document.lineAt(selection.active.line).range;
    }
    around = inner.range;
    level = inner.children;
  }
}
