/** The folders of this window, as the server names them. */

import * as vscode from 'vscode';
import { key } from './uris';

/** Their names, by URI. */
export function folderNames(): Map<string, string> {
  return new Map((vscode.workspace.workspaceFolders ?? []).map((folder) => [key(folder.uri.toString()), folder.name]));
}
