/** Why a file is, or is not, found. */

import * as vscode from 'vscode';
import { t } from './l10n';
import { leaveOut, takeIn } from './scope/change';
import { explained } from './scope/explained';
import type { Server } from './server/server';

export async function explain(server: Server, given?: vscode.Uri): Promise<void> {
  const uri = given ?? vscode.window.activeTextEditor?.document.uri ?? (await chooseFile());
  if (!uri) {
    return;
  }
  const answer = await server.request('lowtide/explain', { uri: uri.toString() });
  const folder = vscode.workspace.getWorkspaceFolder(uri);
  const other = t('Another File…');
  const take = answer.take_in && folder ? t('Include') : undefined;
  const leave = answer.status === 'indexed' && folder ? t('Leave Out') : undefined;
  // An editor says how in its own words.
  const again = answer.status === 'stale' && folder ? t('Index Now') : undefined;
  const buttons = [take, again, leave, other].filter((one): one is string => one !== undefined);
  const picked = await vscode.window.showInformationMessage(explained(answer), ...buttons);
  if (picked === undefined) {
    return;
  }
  if (picked === take && answer.take_in && folder) {
    await takeIn(folder.uri, answer.take_in);
  } else if (picked === again && folder) {
    await server.request('lowtide/reindex', { rootUri: folder.uri.toString(), force: false });
  } else if (picked === leave) {
    await leaveOut(uri);
  } else if (picked === other) {
    const next = await chooseFile();
    if (next) {
      await explain(server, next);
    }
  }
}

async function chooseFile(): Promise<vscode.Uri | undefined> {
  const picked = await vscode.window.showOpenDialog({
    title: t('Select the File That Isn’t Found'),
    canSelectMany: false,
  });
  return picked?.[0];
}
