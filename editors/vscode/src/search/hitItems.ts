/** The rows of the search: hits, recent searches, and what is said when there is nothing. */

import * as vscode from 'vscode';
import { t } from '../l10n';
import type { SearchHit } from '../protocol';
import type { Mistyped } from './mistyped';
import { presentHit } from './present';

export interface Row extends vscode.QuickPickItem {
  hit?: SearchHit;
  past?: string;
}

export const ASIDE = (): vscode.QuickInputButton => ({
  iconPath: new vscode.ThemeIcon('split-horizontal'),
  tooltip: t('Open to the Side'),
});
export const FORGET = (): vscode.QuickInputButton => ({
  iconPath: new vscode.ThemeIcon('close'),
  tooltip: t('Remove from Recent Searches'),
});
export const KEEP = (): vscode.QuickInputButton => ({
  iconPath: new vscode.ThemeIcon('list-tree'),
  tooltip: t('Show Results in a View'),
});

export function hitRow(hit: SearchHit): Row {
  const line = presentHit(hit, vscode.workspace.asRelativePath(vscode.Uri.parse(hit.uri)));
  return {
    label: `$(${line.icon}) ${line.name}`,
    description: line.weak ? `${line.place} · ${t('weak match')}` : line.place,
    detail: line.snippet,
    alwaysShow: true,
    buttons: [ASIDE()],
    hit,
  };
}

export function pastRow(past: string): Row {
  return { label: `$(history) ${past}`, alwaysShow: true, buttons: [FORGET()], past };
}

/** A scope that was mistyped, set right with a click. */
export function instead({ text, right }: Mistyped): Row {
  return { label: `$(lightbulb) ${t('Did you mean {0}?', right)}`, alwaysShow: true, past: text };
}

export function wordsRow(text: string, icon = 'info'): Row {
  return { label: `$(${icon}) ${text}`, alwaysShow: true };
}
