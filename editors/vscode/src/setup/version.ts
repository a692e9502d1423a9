/**
 * Whether the server that was found is as new as this extension; where it is older, an update is offered, once.
 *
 * Invariant: nothing is said of a server that is newer, nor twice of one that is older.
 */

import * as vscode from 'vscode';
import { t } from '../l10n';
import type { Server } from '../server/server';
import { isOlder } from './compare';

const SAID = 'lowtide.updateOffered';

export function watchVersion(
  server: Server,
  extension: string,
  state: vscode.Memento,
  update: () => Promise<unknown>,
): vscode.Disposable {
  let known: string | undefined;
  return server.onDidChange(() => {
    const version = server.status?.version;
    if (version === undefined || version === known) {
      return;
    }
    known = version;
    const pair = `${version} ${extension}`;
    if (isOlder(version, extension) && state.get(SAID) !== pair) {
      void offer(version, extension, state, pair, update);
    }
  });
}

async function offer(
  version: string,
  extension: string,
  state: vscode.Memento,
  pair: string,
  update: () => Promise<unknown>,
): Promise<void> {
  await state.update(SAID, pair);
  const now = t('Update');
  const message = t('The Lowtide server is version {0}; this extension was made for {1}.', version, extension);
  if ((await vscode.window.showInformationMessage(message, now, t('Not Now'))) === now) {
    await update();
  }
}
