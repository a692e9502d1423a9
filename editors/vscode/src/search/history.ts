/** The searches made in this workspace, the latest first. */

const MOST = 30;

/** Where they are kept: the editor's `Memento`. */
export interface Store {
  get(key: string): unknown;
  update(key: string, value: unknown): Thenable<void>;
}

export class SearchHistory {
  constructor(
    private readonly store: Store,
    private readonly key = 'lowtide.history',
  ) {}

  get all(): readonly string[] {
    const kept = this.store.get(this.key);
    return Array.isArray(kept) ? kept.filter((one): one is string => typeof one === 'string') : [];
  }

  /** It was searched for and something was opened. */
  async add(text: string): Promise<void> {
    const query = text.trim();
    if (query) {
      await this.store.update(this.key, [query, ...this.all.filter((one) => one !== query)].slice(0, MOST));
    }
  }

  async remove(text: string): Promise<void> {
    await this.store.update(
      this.key,
      this.all.filter((one) => one !== text),
    );
  }
}
