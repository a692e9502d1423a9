/**
 * Says once, ever, that a first folder is indexed, with the two searches as buttons.
 *
 * Invariant: never before the index answers, and never again once it was said.
 */

import * as vscode from 'vscode';
import { t } from '../l10n';
import type { Server } from '../server/server';
import { formatCount } from '../size';

const SAID = 'lowtide.firstTimeSaid';

export function firstTime(server: Server, state: vscode.Memento): vscode.Disposable {
  if (state.get(SAID)) {
    return new vscode.Disposable(() => undefined);
  }
  const listening = server.onDidChange(() => {
    const files = server.status?.workspaces.reduce((sum, one) => sum + one.files, 0) ?? 0;
    if (server.status?.quiescent && files > 0) {
      listening.dispose();
      void say(files, state);
    }
  });
  return listening;
}

async function say(files: number, state: vscode.Memento): Promise<void> {
  await state.update(SAID, true);
  const symbol = t('Find a Symbol');
  const meaning = t('Search by Meaning');
  const message = t('Lowtide has indexed {0} files. What are you looking for?', formatCount(files));
  const picked = await vscode.window.showInformationMessage(message, symbol, meaning);
  if (picked) {
    await vscode.commands.executeCommand(picked === symbol ? 'workbench.action.showAllSymbols' : 'lowtide.search');
  }
}
