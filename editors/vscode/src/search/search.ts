/**
 * Search by Meaning: answers as you type, the place previewed while you move, opened here or to the side.
 *
 * Invariant: one question is on its way at a time; the list shows the answer to what stands in the field, or says that
 * it is on its way.
 */

import * as vscode from 'vscode';
import { t } from '../l10n';
import type { SearchHit, SearchResult } from '../protocol';
import { NotRunning, type Server } from '../server/server';
import { freshnessWords, isGrowing } from './freshness';
import type { SearchHistory } from './history';
import { FORGET, hitRow, instead, KEEP, pastRow, type Row, wordsRow } from './hitItems';
import { Latest } from './latest';
import { mistypedIn } from './mistyped';
import { openPlace, Preview } from './preview';
import type { PreviewTexts } from './previewTexts';
import { parseQuery } from './query';
import { Refresh } from './refresh';
import { readable } from './remote';
import { titleOf } from './title';

export interface Found {
  title: string;
  hits: readonly SearchHit[];
  /** What was asked, for its words to be marked. */
  query?: string;
  /** What the answer lacks, in words. */
  note?: string | undefined;
}

const VISIBLE = 'lowtide.searchVisible';

export class Search {
  private last = '';
  /** What was marked in it. */
  private lastHit: SearchHit | undefined;
  private current: { openAside(): void; showResults(): void } | undefined;

  constructor(
    private readonly server: Server,
    private readonly history: SearchHistory,
    private readonly keep: (found: Found) => void,
    private readonly texts: PreviewTexts,
  ) {}

  /** Open the answer that is marked in the search to the side. */
  openAside(): void {
    this.current?.openAside();
  }

  /** Keep the answers of the search in the view. */
  showResults(): void {
    this.current?.showResults();
  }

  /** The last search once more, as it was left. */
  resume(): void {
    this.open(this.last || this.history.all[0], this.lastHit);
  }

  /** Show the search, with `value` in its field; `at` is marked once it is among the answers. */
  open(value = '', at?: SearchHit): void {
    const settings = this.server.settings;
    const pick = vscode.window.createQuickPick<Row>();
    const preview = new Preview(this.texts);
    let hits: readonly SearchHit[] = [];
    let note: string | undefined;
    let opened = false;
    let resumed = at;
    pick.title = t('Search by Meaning');
    pick.placeholder = t('Describe the code, e.g. retry after a timeout. Narrow with @python or path:src');
    pick.value = value;
    pick.matchOnDescription = false;
    pick.buttons = [KEEP()];
    keepOrder(pick);

    const latest = new Latest<string, SearchResult, vscode.CancellationTokenSource>(
      () => new vscode.CancellationTokenSource(),
      (text, source) => this.ask(text, source.token),
      (text, result) => {
        pick.busy = false;
        const active = pick.activeItems[0]?.hit;
        const marked = resumed ?? (active === hits[0] ? undefined : active);
        resumed = undefined;
        hits = result.hits;
        note = freshnessWords(result.freshness, hits.length > 0);
        const mistyped = mistypedIn(text);
        const rows = [...rowsOf(text, result), ...(mistyped ? [instead(mistyped)] : [])];
        // Who has moved to a row stays on it while more is found around it.
        const same = marked && rows.find((row) => row.hit && isSame(row.hit, marked));
        pick.keepScrollPosition = same !== undefined;
        pick.items = rows;
        if (same) {
          pick.activeItems = [same];
        }
        pick.title = titleOf(result, mistyped);
        refresh.took(result.freshness, text);
      },
      (_, error) => {
        pick.busy = false;
        hits = [];
        pick.items = [wordsRow(error instanceof Error ? error.message : String(error), 'error')];
      },
    );
    const refresh = new Refresh((text) => {
      if (text === pick.value) {
        latest.put(text, 0);
      }
    });
    const listening = this.server.onDidChange(() => refresh.more());
    const change = (text: string, delayMs: number): void => {
      refresh.drop();
      if (text !== value) {
        resumed = undefined;
      }
      if (parseQuery(text).words === '') {
        latest.drop();
        pick.busy = false;
        hits = [];
        pick.items = this.pastRows();
        return;
      }
      pick.busy = true;
      latest.put(text, delayMs);
    };
    const open = async (row: Row | undefined, column?: vscode.ViewColumn): Promise<void> => {
      if (row?.past !== undefined) {
        pick.value = row.past;
        change(row.past, 0);
      } else if (row?.hit) {
        opened = true;
        const text = pick.value;
        pick.hide();
        try {
          await openPlace(row.hit, column);
        } finally {
          await preview.end();
        }
        await this.history.add(text);
      }
    };
    pick.onDidChangeValue((text) => change(text, settings.searchDelayMs));
    pick.onDidChangeActive(([row]) => {
      if (row?.hit && settings.searchPreview) {
        preview.show(row.hit);
      }
    });
    pick.onDidAccept(() => void open(pick.activeItems[0]));
    pick.onDidTriggerItemButton(({ item, button }) => {
      if (item.past !== undefined && button.tooltip === FORGET().tooltip) {
        void this.history.remove(item.past).then(() => {
          pick.items = this.pastRows();
        });
      } else {
        void open(item, vscode.ViewColumn.Beside);
      }
    });
    const showResults = async (): Promise<void> => {
      if (hits.length > 0) {
        opened = true;
        const found = { title: pick.value, hits, query: parseQuery(pick.value).words, note };
        pick.hide();
        // The view gets the keys once all else is as it was.
        await preview.restore();
        this.keep(found);
        await this.history.add(found.title);
      }
    };
    pick.onDidTriggerButton(() => void showResults());
    pick.onDidHide(() => {
      if (pick.value) {
        this.last = pick.value;
        this.lastHit = pick.activeItems[0]?.hit;
      }
      latest.drop();
      refresh.drop();
      listening.dispose();
      this.current = undefined;
      void vscode.commands.executeCommand('setContext', VISIBLE, false);
      if (!opened) {
        void preview.restore();
      }
      pick.dispose();
    });
    this.current = {
      openAside: () => void open(pick.activeItems[0], vscode.ViewColumn.Beside),
      showResults: () => void showResults(),
    };
    void vscode.commands.executeCommand('setContext', VISIBLE, true);
    change(value, 0);
    pick.show();
  }

  private async ask(text: string, token: vscode.CancellationToken): Promise<SearchResult> {
    const { words, languages, globs, kinds } = parseQuery(text);
    const { searchLimit, searchMode } = this.server.settings;
    const narrow = {
      ...(languages.length > 0 ? { languages } : {}),
      ...(globs.length > 0 ? { globs } : {}),
      ...(kinds.length > 0 ? { kinds } : {}),
    };
    try {
      const question = { query: words, limit: searchLimit, mode: searchMode, team: true, ...narrow };
      return readable(await this.server.request('lowtide/search', question, token));
    } catch (error) {
      if (error instanceof NotRunning) {
        throw new Error(t('Lowtide is not running. Click Lowtide in the status bar.'), { cause: error });
      }
      throw error;
    }
  }

  private pastRows(): Row[] {
    const past = this.history.all.map(pastRow);
    return past.length > 0 ? [{ label: t('recent searches'), kind: vscode.QuickPickItemKind.Separator }, ...past] : [];
  }
}

function isSame(one: SearchHit, other: SearchHit): boolean {
  return one.uri === other.uri && one.range.start.line === other.range.start.line;
}

function rowsOf(text: string, result: SearchResult): Row[] {
  if (result.hits.length === 0) {
    return [
      isGrowing(result.freshness)
        ? wordsRow(t('No results for “{0}” yet.', text), 'loading~spin')
        : wordsRow(t('No results for “{0}”.', text), 'circle-slash'),
    ];
  }
  return result.hits.map(hitRow);
}

/** The server's order is the answer; the editor would put rows whose label matches the text first. */
function keepOrder(pick: vscode.QuickPick<Row>): void {
  try {
    (pick as unknown as { sortByLabel: boolean }).sortByLabel = false;
  } catch {
    // Not to be had in this version: rows whose label has the words come first.
  }
}
