/**
 * When the server is missing, does not stay alive, or cannot run on this system: said once a window, with what to do about it.
 *
 * Invariant: nothing is installed but by a click.
 */

import * as vscode from 'vscode';
import { t } from '../l10n';
import type { Phase, Server } from '../server/server';

/** Tell of each once until the server runs again. */
export function tellOfTrouble(server: Server, install: () => Promise<unknown>): vscode.Disposable {
  let told: string | undefined;
  return server.onDidChange(() => {
    if (server.phase === 'running') {
      told = undefined;
    } else if (isTrouble(server.phase) && told !== server.phase) {
      told = server.phase;
      void (server.phase === 'failed' ? tellFailed(server, install) : setUp(server, install));
    }
  });
}

function isTrouble(phase: Phase): boolean {
  return phase === 'missing' || phase === 'failed' || phase === 'unsupported';
}

/** Offer to install the server, or to say where it is; where it cannot run, only that is said. */
export async function setUp(server: Server, install: () => Promise<unknown>): Promise<void> {
  if (server.phase === 'unsupported') {
    void vscode.window.showWarningMessage(server.trouble);
    return;
  }
  const set = server.missing?.configured;
  const message = set
    ? t('Lowtide: there is no program {0} (setting lowtide.path).', set)
    : server.phase === 'missing'
      ? t('Lowtide needs its server, a Python program that runs on this machine. Nothing is sent anywhere.')
      : t('Lowtide’s server is installed. Install it again, or use another?');
  await offer(server, message, set ? [t('Choose Path…'), t('Install')] : [t('Install'), t('Choose Path…')], install);
}

async function tellFailed(server: Server, install: () => Promise<unknown>): Promise<void> {
  const message = t('Lowtide keeps stopping and is no longer restarted automatically. {0}', server.trouble);
  await offer(server, message, [t('Restart'), t('Reinstall'), t('Choose Path…'), t('Show Log')], install);
}

async function offer(
  server: Server,
  message: string,
  buttons: readonly string[],
  install: () => Promise<unknown>,
): Promise<void> {
  switch (await vscode.window.showWarningMessage(message, ...buttons)) {
    case t('Install'):
    case t('Reinstall'):
      await clearPath();
      await install();
      break;
    case t('Choose Path…'):
      await choosePath();
      break;
    case t('Restart'):
      await server.restart();
      break;
    case t('Show Log'):
      await vscode.commands.executeCommand('lowtide.showLog');
      break;
    case undefined:
    default:
      break;
  }
}

/** A path in the user's settings would hide what is installed now. */
async function clearPath(): Promise<void> {
  const settings = vscode.workspace.getConfiguration('lowtide');
  if (settings.inspect('path')?.globalValue) {
    await settings.update('path', undefined, vscode.ConfigurationTarget.Global);
  }
}

/** Let the user show where the command is, and keep it in the settings; changing them starts the server. */
export async function choosePath(): Promise<void> {
  const picked = await vscode.window.showOpenDialog({
    title: t('Select the lowtide Command'),
    openLabel: t('Select'),
    canSelectMany: false,
  });
  const file = picked?.[0];
  if (file) {
    await vscode.workspace.getConfiguration('lowtide').update('path', file.fsPath, vscode.ConfigurationTarget.Global);
  }
}
