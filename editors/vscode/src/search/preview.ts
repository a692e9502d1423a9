/**
 * Shows a place while the user moves through answers, in a tab that leaves no trace: nothing that is open is touched, and
 * what was shown comes back by itself when the tab goes.
 *
 * Invariant: at most one tab of ours is there, and none after `end`.
 */

import * as vscode from 'vscode';
import { linesIn, type Place } from './place';
import { type PreviewTexts, SCHEME } from './previewTexts';

/** Moving fast through a list opens nothing on the way. */
const SETTLE_MS = 60;

const FOCUS = ['First', 'Second', 'Third', 'Fourth', 'Fifth', 'Sixth', 'Seventh', 'Eighth'].map(
  (name) => `workbench.action.focus${name}EditorGroup`,
);
/** The editor’s own numbers: the active group; the place in the middle. */
const ACTIVE_GROUP = -1;
const CENTER = 0;

export class Preview {
  private readonly line = vscode.window.createTextEditorDecorationType({
    isWholeLine: true,
    backgroundColor: new vscode.ThemeColor('editor.rangeHighlightBackground'),
    // A theme of high contrast has no such background, the others no such border.
    ...(isHighContrast()
      ? { border: '1px dotted', borderColor: new vscode.ThemeColor('editor.rangeHighlightBorder') }
      : {}),
  });
  private readonly group = vscode.window.tabGroups.activeTabGroup.viewColumn as number | undefined;
  private timer: NodeJS.Timeout | undefined;
  private over = false;
  private wanted: Place | undefined;

  constructor(private readonly texts: PreviewTexts) {
    texts.begin();
  }

  /** Show it soon, unless another is to be shown before. */
  show(place: Place): void {
    clearTimeout(this.timer);
    this.wanted = place;
    this.timer = setTimeout(() => void this.open(place), SETTLE_MS);
  }

  private async open(place: Place): Promise<void> {
    const uri = this.texts.uriOf(place.uri);
    try {
      // A file that takes long to read must not cover one that is wanted since.
      const document = await vscode.workspace.openTextDocument(uri);
      if (this.isOver() || !this.isWanted(place)) {
        return;
      }
      const { first, last, cursor } = linesIn(place, document.lineCount);
      await openWithoutTrace(uri, cursor);
      const editor = vscode.window.visibleTextEditors.find((one) => one.document === document);
      editor?.setDecorations(this.line, [new vscode.Range(first, 0, last, Number.MAX_SAFE_INTEGER)]);
    } catch {
      // A file that is gone since: the list still names it, opening it says so.
    }
    await closeOurs(this.isOver() ? undefined : uri);
  }

  /** Nothing was chosen: the group that was active is so again, also where what had the focus is no text. */
  async restore(): Promise<void> {
    await this.end();
    const focus = FOCUS[(this.group ?? 0) - 1];
    if (focus !== undefined && vscode.window.tabGroups.activeTabGroup.viewColumn !== this.group) {
      await vscode.commands.executeCommand(focus);
    }
  }

  /** The list is gone. Once the returned promise is done, everything is as it was before the first `show`. */
  async end(): Promise<void> {
    this.over = true;
    clearTimeout(this.timer);
    this.line.dispose();
    await closeOurs(undefined);
  }

  /** Methods, for these may change while an editor opens. */
  private isOver(): boolean {
    return this.over;
  }

  private isWanted(place: Place): boolean {
    return this.wanted === place;
  }
}

function isHighContrast(): boolean {
  const { HighContrast, HighContrastLight } = vscode.ColorThemeKind;
  return [HighContrast, HighContrastLight].includes(vscode.window.activeColorTheme.kind);
}

/**
 * Open it in a tab beside those that are there, at its line, and out of the history. The editor offers "transient" to its
 * own lists alone: its command is called as those do; where it does not know it, the tab is an ordinary one for the while.
 */
async function openWithoutTrace(uri: vscode.Uri, line: number): Promise<void> {
  const at = { startLineNumber: line + 1, startColumn: 1, endLineNumber: line + 1, endColumn: 1 };
  const options = {
    pinned: true,
    preserveFocus: true,
    transient: true,
    selection: at,
    selectionRevealType: CENTER,
  };
  try {
    await vscode.commands.executeCommand('_workbench.open', uri, [ACTIVE_GROUP, options]);
  } catch {
    const selection = new vscode.Range(line, 0, line, 0);
    await vscode.window.showTextDocument(uri, { preview: false, preserveFocus: true, selection });
  }
}

/** The tab before it in its group is shown again by the editor, with its selection and its place. */
async function closeOurs(but: vscode.Uri | undefined): Promise<void> {
  const kept = but?.toString();
  const ours = vscode.window.tabGroups.all
    .flatMap((group) => group.tabs)
    .filter(
      ({ input }) =>
        input instanceof vscode.TabInputText && input.uri.scheme === SCHEME && input.uri.toString() !== kept,
    );
  if (ours.length > 0) {
    await vscode.window.tabGroups.close(ours, true);
  }
}

/** Open a place for good, its first line in view and the cursor on it. */
export async function openPlace(place: Place, column?: vscode.ViewColumn): Promise<void> {
  const document = await vscode.workspace.openTextDocument(vscode.Uri.parse(place.uri, true));
  const start = document.lineAt(linesIn(place, document.lineCount).cursor);
  const cursor = new vscode.Position(start.lineNumber, start.firstNonWhitespaceCharacterIndex);
  const editor = await vscode.window.showTextDocument(document, {
    preview: false,
    selection: new vscode.Range(cursor, cursor),
    ...(column === undefined ? {} : { viewColumn: column }),
  });
  editor.revealRange(new vscode.Range(cursor, cursor), vscode.TextEditorRevealType.InCenterIfOutsideViewport);
}
