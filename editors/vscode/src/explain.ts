/** Why a file is, or is not, found. */

import * as vscode from 'vscode';
import { t } from './l10n';
import type { Explanation } from './protocol';
import { leaveOut, takeIn } from './scope/change';
import type { Server } from './server/server';
import { formatCount } from './size';

export async function explain(server: Server, given?: vscode.Uri): Promise<void> {
  const uri = given ?? vscode.window.activeTextEditor?.document.uri ?? (await chooseFile());
  if (!uri) {
    return;
  }
  const answer = await server.request('lowtide/explain', { uri: uri.toString() });
  const folder = vscode.workspace.getWorkspaceFolder(uri);
  const other = t('Another File…');
  const take = answer.take_in && folder ? t('Take In') : undefined;
  const leave = answer.status === 'indexed' && folder ? t('Leave Out') : undefined;
  const buttons = [take, leave, other].filter((one): one is string => one !== undefined);
  const picked = await vscode.window.showInformationMessage(inWords(answer).join(' '), ...buttons);
  if (picked === undefined) {
    return;
  }
  if (picked === take && answer.take_in && folder) {
    await takeIn(folder.uri, answer.take_in);
  } else if (picked === leave) {
    await leaveOut(uri);
  } else if (picked === other) {
    const next = await chooseFile();
    if (next) {
      await explain(server, next);
    }
  }
}

function symbolsIn(count: number): string {
  return count === 1 ? t('1 symbol') : t('{0} symbols', formatCount(count));
}

function chunksIn(count: number): string {
  return count === 1 ? t('1 chunk') : t('{0} chunks', formatCount(count));
}

async function chooseFile(): Promise<vscode.Uri | undefined> {
  const picked = await vscode.window.showOpenDialog({ title: t('Which file isn’t found?'), canSelectMany: false });
  return picked?.[0];
}

/** A sentence, why it is so, and what to do about it. */
function inWords(answer: Explanation): string[] {
  const { reason, rule, remedy } = answer;
  const why = [reason, rule].filter((text): text is string => !!text).join(': ');
  return [sentence(answer), why && `${why}.`, remedy ? t('To do: {0}.', remedy) : ''].filter(Boolean);
}

function sentence(answer: Explanation): string {
  const { path, status } = answer;
  switch (status) {
    case 'indexed':
      return t('{0} is indexed: {1}, {2}.', path, symbolsIn(answer.symbols ?? 0), chunksIn(answer.chunks ?? 0));
    case 'stale':
      return t('{0} has changed since it was indexed and will be indexed again shortly.', path);
    case 'quarantined':
      return t('{0} is quarantined: it made a worker fail.', path);
    case 'skipped':
      return t('{0} is left out of the index.', path);
    default:
      return t('{0}: {1}.', path, status);
  }
}
