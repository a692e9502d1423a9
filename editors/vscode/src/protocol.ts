/**
 * The `lowtide/*` messages, as docs/protocol.md shows them; `npm run check` holds its examples against these types.
 *
 * Invariant: names are those of the wire; fields may be added there, never renamed.
 */

export interface Position {
  line: number;
  character: number;
}

/** As in LSP: `end` is exclusive. */
export interface Range {
  start: Position;
  end: Position;
}

export type Mode = 'hybrid' | 'semantic' | 'lexical';
export type State = 'idle' | 'scanning' | 'indexing' | 'paused' | 'waiting';
export type Step = 'full' | 'smaller-batches' | 'one-worker' | 'lexical-only' | 'paused';
export type Health = 'ok' | 'warning' | 'error';

export interface SearchParams {
  query: string;
  limit?: number;
  mode?: Mode;
  rootUri?: string;
  languages?: string[];
  globs?: string[];
  kinds?: string[];
  terms?: string[];
  phrasings?: string[];
  group?: 'definition' | 'file';
  fresh?: boolean;
  /** The team's index is asked too, if the user has configured one. */
  team?: boolean;
}

export interface SymbolsParams {
  query: string;
  limit?: number;
  rootUri?: string;
  fresh?: boolean;
}

export interface ReferencesParams {
  name: string;
  limit?: number;
  rootUri?: string;
  fresh?: boolean;
}

export interface SimilarParams {
  textDocument: { uri: string };
  range: Range;
  limit?: number;
}

/** Where a hit of the team's index is; `url` is empty where nobody has said how it can be read. */
export interface RemotePlace {
  repository: string;
  commit: string;
  path: string;
  ageS: number;
  url: string;
}

/** One answer. `range` is whole lines; `kind` is `text` outside every definition. */
export interface SearchHit {
  uri: string;
  range: Range;
  kind: string;
  name: string;
  container: string;
  score: number;
  snippet: string;
  signals: Record<string, number>;
  more?: number;
  snippetLine?: number;
  definition?: { range: Range; signature: string } | null;
  /** The best there is, and likely no answer. */
  weak?: boolean;
  /** It is no file here: its `uri` only names it, and its snippet is a signature. */
  remote?: RemotePlace | null;
}

/** `degraded` says what the answer lacks, and why; null when it lacks nothing. */
export interface SearchResult {
  hits: SearchHit[];
  degraded: string | null;
  staleFiles: number;
  tookMs: number;
  freshness: Freshness;
}

/** Those of `workspace/symbol`. */
export interface SymbolsResult {
  symbols: { name: string; kind: number; location: { uri: string; range: Range }; containerName?: string }[];
  tookMs: number;
  freshness: Freshness;
}

/** A line that has the name. `range` is the name, where it stands first in it. */
export interface Use {
  uri: string;
  range: Range;
  text: string;
  holder: string;
  definition: boolean;
}

export interface ReferencesResult {
  references: Use[];
  name: string;
  truncated: boolean;
  tookMs: number;
  freshness: Freshness;
}

/** How an answer stands to the disk. `ageS`: since the last whole comparison; null when there was none. */
export interface Freshness {
  state: 'current' | 'checking' | 'indexing' | 'incomplete' | 'unwatched';
  indexed: number;
  total: number;
  ageS: number | null;
  reason: string;
}

export interface ProcessMemory {
  role: string;
  pid: number;
  anonBytes: number;
}

export interface WorkspaceStatus {
  rootUri: string;
  files: number;
  symbols: number;
  chunks: number;
  vectors: number;
  /** Of them, those that graphs hold; the others are compared one by one. An older server does not tell. */
  graphVectors?: number;
  diskBytes: number;
  pending: number;
  stale: number;
  skipped: number;
  failed: number;
  quarantined: number;
  /** What is wrong with the index on the disk; empty when it is sound. */
  damage?: string;
  /** Why the workspace cannot be indexed now; empty when it can. */
  error?: string;
  incomplete: boolean;
  /** An older server does not tell. */
  freshness?: Omit<Freshness, 'ageS'>;
}

export interface Status {
  version: string;
  health: Health;
  message: string;
  state: State;
  quiescent: boolean;
  memory: {
    budgetBytes: number;
    /** Who has set it; `default` when nobody has. */
    budgetFrom?: string;
    usedBytes: number;
    peakBytes: number;
    mappedBytes: number;
    processes: ProcessMemory[];
  };
  ladder: { step: Step; reason: string };
  progress: { done: number; total: number; file: string } | null;
  workspaces: WorkspaceStatus[];
}

export interface StatusParams {
  rootUri?: string;
}

/** Anonymous bytes, children included; the root and caches tell more. */
export interface MemoryNode {
  name: string;
  bytes: number;
  children: MemoryNode[];
  budgetBytes?: number;
  mappedBytes?: number;
  segmentBytes?: number;
  limitBytes?: number;
  hits?: number;
  misses?: number;
  evictions?: number;
}

export interface ExplainParams {
  uri: string;
}

/** What `lowtide why --json` prints, with its names. */
export interface Explanation {
  path: string;
  status: string;
  reason: string | null;
  rule: string | null;
  symbols?: number;
  chunks?: number;
  indexed_at?: number | null;
  content_hash?: string | null;
  remedy?: string;
  take_in?: TakeIn | null;
}

/** The files of one status, reason and rule; a folder that is left out whole ends with `/`. */
export interface Skipped {
  rootUri: string;
  status: string;
  reason: string;
  rule: string;
  count: number;
  examples: string[];
  remedy: string;
  takeIn: TakeIn | null;
}

/** A `line` to add to `.lowtideignore`, or the `key` to set to true under `[index]` in `.lowtide.toml`. */
export interface TakeIn {
  file: string;
  line?: string;
  key?: string;
}

export interface SkippedParams {
  rootUri?: string;
}

export interface ReindexParams {
  rootUri?: string;
  force?: boolean;
}

export interface SetBudgetParams {
  bytes: number;
}

/** Memory over time: seconds since 1970, anonymous bytes, steps of the ladder (0 is `full`). */
export interface History {
  budgetBytes: number;
  times: number[];
  usedBytes: number[];
  steps: number[];
}

/** Every request: what it takes and gives. */
export interface Requests {
  'lowtide/search': [SearchParams, SearchResult];
  'lowtide/similar': [SimilarParams, SearchResult];
  'lowtide/symbols': [SymbolsParams, SymbolsResult];
  'lowtide/references': [ReferencesParams, ReferencesResult];
  'lowtide/status': [StatusParams, Status];
  'lowtide/memory': [Record<string, never>, MemoryNode];
  'lowtide/explain': [ExplainParams, Explanation];
  'lowtide/skipped': [SkippedParams, Skipped[]];
  'lowtide/pause': [Record<string, never>, Status];
  'lowtide/resume': [Record<string, never>, Status];
  'lowtide/cancel': [Record<string, never>, Status];
  'lowtide/reindex': [ReindexParams, Status];
  'lowtide/setBudget': [SetBudgetParams, Status];
  'lowtide/history': [Record<string, never>, History];
}

export type Method = keyof Requests;
export type Params<M extends Method> = Requests[M][0];
export type Result<M extends Method> = Requests[M][1];

/** A Status, at most twice a second and only when it has changed. */
export const STATUS_CHANGED = 'lowtide/statusChanged';

/** Steps of the ladder in the order of `History.steps`. */
export const STEPS: readonly Step[] = ['full', 'smaller-batches', 'one-worker', 'lexical-only', 'paused'];
