/** The item in the status bar; its figure is the daemon's. */

import * as vscode from 'vscode';
import type { Server } from '../server/server';
import { folderNames } from '../server/folders';
import { bar, type Tone, tooltip } from './present';

const COMMANDS = [
  'lowtide.setUp',
  'lowtide.restart',
  'lowtide.showLog',
  'lowtide.search',
  'lowtide.pause',
  'lowtide.resume',
  'lowtide.reindex',
  'lowtide.showMemoryGraph',
  'lowtide.setBudget',
  'lowtide.useBudget',
  'lowtide.showLeftOut',
];

export function statusBar(server: Server): vscode.Disposable {
  const item = vscode.window.createStatusBarItem('lowtide.status', vscode.StatusBarAlignment.Right, 90);
  item.name = 'Lowtide';
  item.command = 'lowtide.menu';
  let said = '';
  const update = (): void => {
    const folders = folderNames();
    const shown = bar(server, folders);
    const text = tooltip(server, folders);
    item.text = shown.text;
    item.accessibilityInformation = { label: shown.spoken, role: 'button' };
    item.backgroundColor = colour(shown.tone);
    // A tooltip that is set again closes under the reader's eyes.
    if (text !== said) {
      said = text;
      const markdown = new vscode.MarkdownString(text, true);
      markdown.isTrusted = { enabledCommands: COMMANDS };
      item.tooltip = markdown;
    }
  };
  update();
  item.show();
  return vscode.Disposable.from(
    item,
    server.onDidChange(update),
    vscode.workspace.onDidChangeWorkspaceFolders(update),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('lowtide.budget')) {
        update();
      }
    }),
  );
}

function colour(tone: Tone): vscode.ThemeColor | undefined {
  return tone === 'normal' ? undefined : new vscode.ThemeColor(`statusBarItem.${tone}Background`);
}
