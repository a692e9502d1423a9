/**
 * The texts of previews: the files as they are now, under a scheme of their own, so that neither the Explorer, nor other
 * extensions, nor the history take them for files that somebody has opened.
 *
 * Invariant: never more of a file than `MOST_BYTES`; a file that is open has the text that its editor shows.
 */

import * as vscode from 'vscode';
import { REMOTE, textOf } from './remote';

export const SCHEME = 'lowtide-preview';
const MOST_BYTES = 8 * 1024 * 1024;

export class PreviewTexts implements vscode.TextDocumentContentProvider {
  private session = 0;

  /** Texts are read anew from now on. */
  begin(): void {
    this.session += 1;
  }

  /** The URI under which a file is previewed. */
  uriOf(file: string): vscode.Uri {
    const uri = vscode.Uri.parse(file, true);
    return uri.with({ scheme: SCHEME, query: `${this.session}&${uri.query}`, fragment: uri.scheme });
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const query = uri.query.slice(uri.query.indexOf('&') + 1);
    const file = uri.with({ scheme: uri.fragment || 'file', query, fragment: '' });
    if (file.scheme === REMOTE) {
      return textOf(file);
    }
    const open = vscode.workspace.textDocuments.find((one) => one.uri.toString() === file.toString());
    if (open) {
      return open.getText();
    }
    const bytes = await vscode.workspace.fs.readFile(file);
    return new TextDecoder().decode(bytes.subarray(0, MOST_BYTES));
  }
}
