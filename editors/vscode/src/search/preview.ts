/**
 * Shows a place while the user moves through answers, and puts everything back when nothing was chosen.
 *
 * Invariant: after `restore` the editors are as they were before the first `show`.
 */

import * as vscode from 'vscode';
import type { Range } from '../protocol';

export interface Place {
  uri: string;
  range: Range;
}

/** Moving fast through a list opens nothing on the way. */
const SETTLE_MS = 60;

export class Preview implements vscode.Disposable {
  private readonly before = vscode.window.activeTextEditor;
  private readonly view = this.before && { selection: this.before.selection, visible: this.before.visibleRanges[0] };
  private readonly line = vscode.window.createTextEditorDecorationType({
    isWholeLine: true,
    backgroundColor: new vscode.ThemeColor('editor.rangeHighlightBackground'),
  });
  private timer: NodeJS.Timeout | undefined;
  private shown: vscode.TextEditor | undefined;
  private over = false;
  private wanted: Place | undefined;

  /** Show it soon, unless another is to be shown before. */
  show(place: Place): void {
    clearTimeout(this.timer);
    this.wanted = place;
    this.timer = setTimeout(() => void this.open(place), SETTLE_MS);
  }

  private async open(place: Place): Promise<void> {
    try {
      const document = await vscode.workspace.openTextDocument(vscode.Uri.parse(place.uri, true));
      // A file that took long to open must not cover one that is wanted since.
      if (this.isOver() || !this.isWanted(place)) {
        return;
      }
      const editor = await vscode.window.showTextDocument(document, {
        preview: true,
        preserveFocus: true,
        ...(this.before?.viewColumn === undefined ? {} : { viewColumn: this.before.viewColumn }),
      });
      if (this.isOver()) {
        await this.putBack(editor);
        return;
      }
      this.shown = editor;
      if (!this.isWanted(place)) {
        return;
      }
      const range = toRange(place.range);
      editor.setDecorations(this.line, [range]);
      // Its first line in the middle: the upper half is under the list.
      editor.revealRange(new vscode.Range(range.start, range.start), vscode.TextEditorRevealType.InCenter);
    } catch {
      // A file that is gone since: the list still names it, opening it says so.
    }
  }

  /** Nothing was chosen. */
  async restore(): Promise<void> {
    this.end();
    if (this.shown) {
      await this.putBack(this.shown);
    }
  }

  private async putBack(shown: vscode.TextEditor): Promise<void> {
    const before = this.before;
    if (before) {
      const editor = await vscode.window.showTextDocument(before.document, {
        ...(before.viewColumn === undefined ? {} : { viewColumn: before.viewColumn }),
        preserveFocus: false,
      });
      if (this.view) {
        editor.selection = this.view.selection;
        if (this.view.visible) {
          editor.revealRange(this.view.visible, vscode.TextEditorRevealType.AtTop);
        }
      }
    }
    const uri = shown.document.uri.toString();
    if (before?.document.uri.toString() === uri) {
      return;
    }
    const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
    const ours = tabs.filter(
      (tab) => tab.isPreview && tab.input instanceof vscode.TabInputText && tab.input.uri.toString() === uri,
    );
    await vscode.window.tabGroups.close(ours);
  }

  /** Methods, for these may change while an editor opens. */
  private isOver(): boolean {
    return this.over;
  }

  private isWanted(place: Place): boolean {
    return this.wanted === place;
  }

  private end(): void {
    this.over = true;
    clearTimeout(this.timer);
    this.line.dispose();
  }

  dispose(): void {
    this.end();
  }
}

/** The editor's range of one on the wire, without the line break that ends it. */
export function toRange({ start, end }: Range): vscode.Range {
  const last = end.character === 0 && end.line > start.line ? end.line - 1 : end.line;
  return new vscode.Range(start.line, start.character, last, Number.MAX_SAFE_INTEGER);
}

/** Open a place for good, its first line in view and the cursor on it. */
export async function openPlace(place: Place, column?: vscode.ViewColumn): Promise<void> {
  const range = toRange(place.range);
  const document = await vscode.workspace.openTextDocument(vscode.Uri.parse(place.uri, true));
  const start = document.lineAt(Math.min(range.start.line, document.lineCount - 1));
  const cursor = new vscode.Position(start.lineNumber, start.firstNonWhitespaceCharacterIndex);
  const editor = await vscode.window.showTextDocument(document, {
    preview: false,
    selection: new vscode.Range(cursor, cursor),
    ...(column === undefined ? {} : { viewColumn: column }),
  });
  editor.revealRange(range, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
}
