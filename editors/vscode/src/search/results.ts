/** The answers of a search as a tree that stays: files, best first, and their hits. */

import * as vscode from 'vscode';
import { t } from '../l10n';
import type { SearchHit } from '../protocol';
import { matchedRanges } from './matched';
import { presentHit } from './present';
import { openPlace } from './preview';
import type { Found } from './search';

interface FileNode {
  uri: string;
  hits: SearchHit[];
}

export type Node = FileNode | SearchHit;

const FILLED = 'lowtide.hasResults';

export class Results implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.changed.event;
  private files: FileNode[] = [];
  private query = '';
  private readonly view = vscode.window.createTreeView<Node>('lowtide.results', {
    treeDataProvider: this,
    showCollapseAll: true,
  });

  /** Show these instead of what was shown. */
  show(found: Found): void {
    this.files = groupByFile(found.hits);
    this.query = found.query ?? '';
    this.view.description = found.note ? `${found.title} · ${found.note}` : found.title;
    this.view.message = found.hits.length === 0 ? t('No results.') : '';
    this.changed.fire();
    void vscode.commands.executeCommand('setContext', FILLED, true);
    const first = found.hits[0];
    if (first) {
      // The first hit has the keys: the view as such would lose them again, with the words that it shows while it is empty.
      void this.view.reveal(first, { focus: true, select: true });
    } else {
      void vscode.commands.executeCommand('lowtide.results.focus');
    }
  }

  /** The hit that is marked in the view. */
  get selected(): SearchHit | undefined {
    const node = this.view.selection[0];
    return node && 'range' in node ? node : undefined;
  }

  clear(): void {
    this.files = [];
    this.view.description = '';
    this.view.message = '';
    this.changed.fire();
    void vscode.commands.executeCommand('setContext', FILLED, false);
  }

  getChildren(node?: Node): Node[] {
    return node ? ('hits' in node ? node.hits : []) : this.files;
  }

  getParent(node: Node): Node | undefined {
    return 'hits' in node ? undefined : this.files.find((file) => file.hits.includes(node));
  }

  getTreeItem(node: Node): vscode.TreeItem {
    const uri = vscode.Uri.parse(node.uri);
    if ('hits' in node) {
      const item = new vscode.TreeItem(uri, vscode.TreeItemCollapsibleState.Expanded);
      const relative = vscode.workspace.asRelativePath(uri);
      item.description = relative.slice(0, Math.max(0, relative.lastIndexOf('/')));
      item.iconPath = vscode.ThemeIcon.File;
      item.contextValue = 'file';
      return item;
    }
    const line = presentHit(node, vscode.workspace.asRelativePath(uri));
    const label = `${line.line}: ${line.snippet || line.name}`;
    const item = new vscode.TreeItem({ label, highlights: matchedRanges(this.query, label) });
    item.description = line.weak ? `${t('weak match')} · ${line.name}` : line.name;
    const spoken = t('{0}, line {1}: {2}', line.name, line.line, line.snippet);
    item.accessibilityInformation = { label: line.weak ? `${spoken}, ${t('weak match')}` : spoken };
    // The words are cut off in a narrow side bar; the icon is not.
    const faint = line.weak ? new vscode.ThemeColor('disabledForeground') : undefined;
    item.iconPath = new vscode.ThemeIcon(line.icon, faint);
    item.contextValue = 'hit';
    const tooltip = new vscode.MarkdownString(`${line.place.replace(/[\\`*_[\]]/g, '\\$&')}\n`);
    tooltip.appendCodeblock(node.snippet);
    if (line.weak) {
      tooltip.appendText(t('A weak match: the best there is, but probably not what you are looking for.'));
    }
    item.tooltip = tooltip;
    item.command = { command: 'lowtide.openHit', title: t('Open'), arguments: [node] };
    return item;
  }

  dispose(): void {
    this.view.dispose();
    this.changed.dispose();
  }
}

function groupByFile(hits: readonly SearchHit[]): FileNode[] {
  const files = new Map<string, FileNode>();
  for (const hit of hits) {
    const file = files.get(hit.uri);
    if (file) {
      file.hits.push(hit);
    } else {
      files.set(hit.uri, { uri: hit.uri, hits: [hit] });
    }
  }
  return [...files.values()];
}

/** The command of a hit in the tree. */
export async function openHit(hit: SearchHit | undefined, column?: vscode.ViewColumn): Promise<void> {
  if (hit) {
    await openPlace(hit, column);
  }
}
