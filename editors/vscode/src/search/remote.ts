/**
 * Hits of the team's index: code that is not on this machine. Each is a text of what is known of it, that cannot be changed.
 *
 * Invariant: all of such a text is in its URI, so that nothing is kept, and a tab that the editor restores shows it again.
 */

import * as vscode from 'vscode';
import type { SearchHit, SearchResult } from '../protocol';
import { type Known, remoteText } from './remoteText';

export const REMOTE = 'lowtide-remote';

/** The answer with URIs that can be opened. */
export function readable(result: SearchResult): SearchResult {
  return { ...result, hits: result.hits.map((hit) => (hit.remote ? { ...hit, uri: uriOf(hit, hit.remote) } : hit)) };
}

/** The same for the same hit, whenever it is found: how old it is stands in the list, not here. */
function uriOf(hit: SearchHit, remote: NonNullable<SearchHit['remote']>): string {
  const { kind, name, container, snippet } = hit;
  const { repository, commit, path, url } = remote;
  const lines: Known['lines'] = [hit.range.start.line + 1, hit.range.end.line];
  const known: Known = { kind, name, container, snippet, remote: { repository, commit, path, url }, lines };
  return vscode.Uri.parse(hit.uri)
    .with({ query: JSON.stringify(known) })
    .toString();
}

/** The text behind such a URI. */
export function textOf(uri: vscode.Uri): string {
  return remoteText(JSON.parse(uri.query) as Known);
}
