/** What is left out of the index, by reason, with examples; and what brings it in. */

import * as vscode from 'vscode';
import { t } from '../l10n';
import type { Skipped } from '../protocol';
import type { Server } from '../server/server';
import { key } from '../server/uris';
import { formatCount } from '../size';
import { takeIn } from './change';
import { quoted } from './explained';
import { reasonWords } from './reasons';

interface Row extends vscode.QuickPickItem {
  group?: Skipped;
  folder?: vscode.WorkspaceFolder;
  file?: string;
  takes?: boolean;
}

export async function showLeftOut(server: Server): Promise<void> {
  const rows: Row[] = [];
  const folders = vscode.workspace.workspaceFolders ?? [];
  for (const folder of folders) {
    const groups = await server.request('lowtide/skipped', { rootUri: folder.uri.toString() });
    const own = groups.filter((group) => key(group.rootUri) === key(folder.uri.toString()) || folders.length === 1);
    if (own.length > 0) {
      const total = own.reduce((sum, group) => sum + group.count, 0);
      rows.push({
        label: t('{0}: {1} left out', folder.name, formatCount(total)),
        kind: vscode.QuickPickItemKind.Separator,
      });
    }
    rows.push(...own.map((group) => groupRow(group, folder)));
  }
  const picked = await vscode.window.showQuickPick(
    rows.length > 0 ? rows : [{ label: t('Nothing is left out except what git ignores.') }],
    {
      title: t('Left Out of the Index'),
      placeHolder: t('Select a reason to see its files'),
      matchOnDescription: true,
      matchOnDetail: true,
    },
  );
  if (picked?.group && picked.folder) {
    await showGroup(picked.group, picked.folder);
  }
}

function groupRow(group: Skipped, folder: vscode.WorkspaceFolder): Row {
  return {
    label: `${formatCount(group.count)} ${reasonWords(group.reason)}`,
    description: group.rule,
    detail: group.examples.slice(0, 3).join(', ') + (group.count > 3 ? ', …' : ''),
    group,
    folder,
  };
}

async function showGroup(group: Skipped, folder: vscode.WorkspaceFolder): Promise<void> {
  const rows: Row[] = [];
  if (group.takeIn) {
    const what = group.takeIn.key === undefined ? (group.takeIn.line ?? '') : `${group.takeIn.key} = true`;
    rows.push({
      label: `$(add) ${t('Include')}`,
      description: t('writes {0} to {1}', what, group.takeIn.file),
      takes: true,
    });
  } else if (group.remedy) {
    rows.push({ label: `$(lightbulb) ${t('To do: {0}', quoted(group.remedy))}` });
  }
  rows.push({ label: t('examples'), kind: vscode.QuickPickItemKind.Separator });
  rows.push(
    ...group.examples.map((file) => ({
      label: `$(${file.endsWith('/') ? 'folder' : 'file'}) ${file}`,
      file,
    })),
  );
  const picked = await vscode.window.showQuickPick(rows, {
    title: `${formatCount(group.count)} ${reasonWords(group.reason)}`,
    placeHolder: group.rule,
  });
  if (picked?.takes && group.takeIn) {
    await takeIn(folder.uri, group.takeIn);
  } else if (picked?.file !== undefined) {
    const uri = vscode.Uri.joinPath(folder.uri, picked.file);
    await vscode.commands.executeCommand(picked.file.endsWith('/') ? 'revealInExplorer' : 'vscode.open', uri);
  }
}
