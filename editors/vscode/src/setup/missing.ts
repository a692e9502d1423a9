/**
 * When the `lowtide` command is missing: said once a window, with what to do about it.
 *
 * Invariant: nothing is installed but by a click; the command is shown before it runs.
 */

import * as vscode from 'vscode';
import { t } from '../l10n';
import type { Server } from '../server/server';
import { installCommand } from './install';

/** Tell of a missing server and of one that does not stay alive, each once until it runs again. */
export function tellOfTrouble(server: Server, log: vscode.LogOutputChannel): vscode.Disposable {
  let told: string | undefined;
  return server.onDidChange(() => {
    if (server.phase === 'running') {
      told = undefined;
    } else if ((server.phase === 'missing' || server.phase === 'failed') && told !== server.phase) {
      told = server.phase;
      void (server.phase === 'missing' ? setUp(server, log) : tellFailed(server));
    }
  });
}

/** Offer to install the command, or to say where it is. */
export async function setUp(server: Server, log: vscode.LogOutputChannel): Promise<void> {
  const install = t('Install…');
  const choose = t('Choose Path…');
  const retry = t('Try Again');
  const set = server.missing?.configured;
  const message = set
    ? t('Lowtide: there is no program {0} (setting lowtide.path).', set)
    : t(
        'Lowtide needs the lowtide command. It was not found on PATH, in the selected Python environment, or among the tools of uv and pipx.',
      );
  const picked = await vscode.window.showWarningMessage(message, ...(set ? [] : [install]), choose, retry);
  if (picked === install) {
    await installCommand(server, log);
  } else if (picked === choose) {
    await choosePath();
  } else if (picked === retry) {
    await server.restart();
  }
}

async function tellFailed(server: Server): Promise<void> {
  const restart = t('Restart');
  const log = t('Show Log');
  const message = t('Lowtide stopped several times in a row and is now left alone. {0}', server.trouble);
  const picked = await vscode.window.showErrorMessage(message, restart, log);
  if (picked === restart) {
    await server.restart();
  } else if (picked === log) {
    await vscode.commands.executeCommand('lowtide.showLog');
  }
}

/** Let the user show where the command is, and keep it in the settings; changing them starts the server. */
export async function choosePath(): Promise<void> {
  const picked = await vscode.window.showOpenDialog({
    title: t('Where is the lowtide command?'),
    openLabel: t('Use This'),
    canSelectMany: false,
  });
  const file = picked?.[0];
  if (file) {
    await vscode.workspace.getConfiguration('lowtide').update('path', file.fsPath, vscode.ConfigurationTarget.Global);
  }
}
