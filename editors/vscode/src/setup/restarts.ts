/** What makes the server start again: another path in the settings, trust given, another Python environment. */

import * as vscode from 'vscode';
import type { Server } from '../server/server';

interface PythonApi {
  environments?: { onDidChangeActiveEnvironmentPath?(listener: () => void): vscode.Disposable };
}

export function restarts(server: Server): vscode.Disposable {
  const again = (): void => {
    if (server.phase === 'missing' || server.phase === 'failed') {
      void server.restart();
    }
  };
  const listening: vscode.Disposable[] = [
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('lowtide.path')) {
        void server.restart();
      }
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(again),
  ];
  // Only who misses the command needs to know of Python environments.
  let followed = false;
  listening.push(
    server.onDidChange(() => {
      if (server.phase === 'missing' && !followed) {
        followed = true;
        void followPython(again).then((listener) => listening.push(listener));
      }
    }),
  );
  return new vscode.Disposable(() => {
    vscode.Disposable.from(...listening).dispose();
  });
}

async function followPython(changed: () => void): Promise<vscode.Disposable> {
  const none = vscode.Disposable.from();
  try {
    const api: PythonApi | undefined = await vscode.extensions.getExtension<PythonApi>('ms-python.python')?.activate();
    const listener: vscode.Disposable | undefined = api?.environments?.onDidChangeActiveEnvironmentPath?.(changed);
    return listener ?? none;
  } catch {
    return none;
  }
}
