/** Why a file is, or is not, found. */

import * as vscode from 'vscode';
import { t } from './l10n';
import type { Explanation } from './protocol';
import type { Server } from './server/server';

export async function explain(server: Server, given?: vscode.Uri): Promise<void> {
  const uri = given ?? vscode.window.activeTextEditor?.document.uri ?? (await chooseFile());
  if (!uri) {
    return;
  }
  const answer = await server.request('lowtide/explain', { uri: uri.toString() });
  const [sentence, detail] = inWords(answer);
  const other = t('Another File…');
  const picked = await vscode.window.showInformationMessage(detail ? `${sentence} ${detail}` : sentence, other);
  if (picked === other) {
    const next = await chooseFile();
    if (next) {
      await explain(server, next);
    }
  }
}

async function chooseFile(): Promise<vscode.Uri | undefined> {
  const picked = await vscode.window.showOpenDialog({ title: t('Which file is not found?'), canSelectMany: false });
  return picked?.[0];
}

/** A sentence, and what more is known. */
export function inWords(answer: Explanation): [string, string] {
  const { path, status, reason, rule } = answer;
  const why = [reason, rule].filter((text): text is string => !!text).join(': ');
  switch (status) {
    case 'indexed':
      return [t('{0} is indexed: {1} symbols, {2} pieces.', path, answer.symbols ?? 0, answer.chunks ?? 0), why];
    case 'stale':
      return [t('{0} has changed since it was indexed; it is looked at again soon.', path), why];
    case 'quarantined':
      return [t('{0} is left alone, because it made a worker fail.', path), why];
    case 'skipped':
      return [t('{0} is left out.', path), why];
    default:
      return [t('{0}: {1}.', path, status), why];
  }
}
