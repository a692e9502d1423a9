/** Takes files in and leaves them out, by a line in the workspace's own files; each change is said and can be looked at. */

import * as vscode from 'vscode';
import { t } from '../l10n';
import type { TakeIn } from '../protocol';
import { leaveOutLine, withLine, withSwitch } from './rules';

const IGNORE = '.lowtideignore';

/** Bring in what `how` says, of the folder at `root`. */
export async function takeIn(root: vscode.Uri, how: TakeIn): Promise<void> {
  const uri = vscode.Uri.joinPath(root, how.file);
  const { key, line } = how;
  if (key !== undefined) {
    await write(uri, (text) => withSwitch(text, key));
    await say(uri, t('{0} now has {1} under [index]. The folder is scanned again.', how.file, `${key} = true`));
  } else if (line !== undefined) {
    await write(uri, (text) => withLine(text, line));
    await say(uri, t('{0} now has the line {1}. The folder is scanned again.', how.file, line));
  }
}

/** Leave a file or folder of the workspace out of the index. */
export async function leaveOut(given: vscode.Uri | undefined): Promise<void> {
  const uri = given ?? vscode.window.activeTextEditor?.document.uri;
  const folder = uri && vscode.workspace.getWorkspaceFolder(uri);
  if (!uri || !folder) {
    return;
  }
  const isFolder = ((await vscode.workspace.fs.stat(uri)).type & vscode.FileType.Directory) !== 0;
  const relative = uri.path.slice(folder.uri.path.length).replace(/^\/+/, '');
  if (relative === '') {
    throw new Error(t('A whole workspace folder cannot be left out. Close it, or select something inside it.'));
  }
  const line = leaveOutLine(relative, isFolder);
  const file = vscode.Uri.joinPath(folder.uri, IGNORE);
  await write(file, (text) => withLine(text, line));
  await say(file, t('{0} now has the line {1}. What is left out is no longer found.', IGNORE, line));
}

async function write(uri: vscode.Uri, change: (text: string) => string): Promise<void> {
  const open = vscode.workspace.textDocuments.find((one) => one.uri.toString() === uri.toString());
  if (open) {
    // Into the editor, where it can be taken back.
    const edit = new vscode.WorkspaceEdit();
    const last = open.lineAt(open.lineCount - 1).range.end;
    edit.replace(uri, new vscode.Range(new vscode.Position(0, 0), last), change(open.getText()));
    await vscode.workspace.applyEdit(edit);
    await open.save();
    return;
  }
  const before = await vscode.workspace.fs.readFile(uri).then(
    (bytes) => new TextDecoder().decode(bytes),
    () => '',
  );
  await vscode.workspace.fs.writeFile(uri, new TextEncoder().encode(change(before)));
}

async function say(uri: vscode.Uri, message: string): Promise<void> {
  const open = t('Open File');
  if ((await vscode.window.showInformationMessage(message, open)) === open) {
    await vscode.window.showTextDocument(uri);
  }
}
