/** What a click on the status bar offers. */

import * as vscode from 'vscode';
import { t } from '../l10n';
import type { Server } from '../server/server';
import { folderNames } from '../server/folders';
import { bar } from './present';

interface Choice extends vscode.QuickPickItem {
  command?: string;
}

export async function showMenu(server: Server): Promise<void> {
  const picked = await vscode.window.showQuickPick(choices(server), {
    title: `Lowtide — ${bar(server, folderNames()).spoken.replace(/^Lowtide: /, '')}`,
    placeHolder: t('Select an action'),
  });
  if (picked?.command) {
    await vscode.commands.executeCommand(picked.command);
  }
}

function choices(server: Server): Choice[] {
  const log: Choice = { label: `$(output) ${t('Show Log')}`, command: 'lowtide.showLog' };
  const restart: Choice = {
    label: `$(debug-restart) ${t('Restart Lowtide in This Window')}`,
    command: 'lowtide.restart',
  };
  if (server.phase === 'missing') {
    return [{ label: `$(cloud-download) ${t('Set Up Lowtide…')}`, command: 'lowtide.setUp' }, restart, log];
  }
  if (server.phase === 'unsupported') {
    return [{ label: `$(info) ${t('Why Does It Not Run Here?')}`, command: 'lowtide.setUp' }];
  }
  if (!server.status) {
    return [restart, log];
  }
  const { state } = server.status;
  const paused = state === 'paused';
  const works = state === 'indexing' || state === 'scanning';
  return [
    { label: `$(search) ${t('Search by Meaning…')}`, command: 'lowtide.search' },
    { label: `$(symbol-class) ${t('Go to Symbol in Workspace…')}`, command: 'workbench.action.showAllSymbols' },
    paused
      ? { label: `$(debug-start) ${t('Resume Indexing')}`, command: 'lowtide.resume' }
      : { label: `$(debug-pause) ${t('Pause Indexing')}`, command: 'lowtide.pause' },
    ...(works ? [{ label: `$(debug-stop) ${t('Cancel Indexing')}`, command: 'lowtide.cancel' }] : []),
    { label: `$(graph-line) ${t('Show Memory')}`, command: 'lowtide.showMemoryGraph' },
    { label: `$(settings) ${t('Set Budget…')}`, command: 'lowtide.setBudget' },
    { label: `$(question) ${t('Why Isn’t This File Found?')}`, command: 'lowtide.explain' },
    { label: `$(exclude) ${t('Show What Is Left Out…')}`, command: 'lowtide.showLeftOut' },
    { label: t('Index'), kind: vscode.QuickPickItemKind.Separator },
    { label: `$(refresh) ${t('Rescan Workspace')}`, command: 'lowtide.reindex' },
    { label: `$(trash) ${t('Rebuild Index…')}`, command: 'lowtide.rebuild' },
    { label: t('Server'), kind: vscode.QuickPickItemKind.Separator },
    restart,
    log,
    { label: t('Help'), kind: vscode.QuickPickItemKind.Separator },
    { label: `$(gear) ${t('Open Settings')}`, command: 'lowtide.openSettings' },
    { label: `$(keyboard) ${t('Keyboard Shortcuts')}`, command: 'lowtide.openKeys' },
    { label: `$(book) ${t('Walkthrough')}`, command: 'lowtide.openWalkthrough' },
  ];
}
