/** This machine, for `locate`: its file system, and the Python environment that the user selected. */

import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import * as os from 'node:os';
import * as vscode from 'vscode';
import { ownEnvironment } from '../setup/ways';
import type { Machine, Where } from './locate';

/** The machine of the extension host: the remote one when there is one. */
export function thisMachine(): Machine {
  return {
    home: os.homedir(),
    env: process.env,
    isProgram: async (file) => {
      try {
        await access(file, constants.X_OK);
        return (await stat(file)).isFile();
      } catch {
        return false;
      }
    },
  };
}

interface PythonApi {
  environments?: { getActiveEnvironmentPath?(resource?: vscode.Uri): { path?: string } };
}

/** What the workspace says of where the command is. */
export function whereToLook(configured: string, storage: string): Where {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  return {
    configured,
    own: ownEnvironment(storage).commands,
    trusted: vscode.workspace.isTrusted,
    ...(folder?.scheme === 'file' ? { folder: folder.fsPath } : {}),
    python: () => selectedPython(folder),
  };
}

async function selectedPython(folder: vscode.Uri | undefined): Promise<string | undefined> {
  try {
    const extension = vscode.extensions.getExtension<PythonApi>('ms-python.python');
    return (await extension?.activate())?.environments?.getActiveEnvironmentPath?.(folder).path;
  } catch {
    // Another extension's failure is not ours to report; the other places are still looked at.
    return undefined;
  }
}
