import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mock, test } from 'node:test';
import { freshnessWords } from '../../src/search/freshness';
import { SearchHistory, type Store } from '../../src/search/history';
import { GAP_MS, Refresh } from '../../src/search/refresh';
import { mistypedIn } from '../../src/search/mistyped';
import { titleOf } from '../../src/search/title';
import { Latest } from '../../src/search/latest';
import { ageOf, remoteText } from '../../src/search/remoteText';
import { linesIn, lineOf } from '../../src/search/place';
import { iconOf, presentHit, snippetOf } from '../../src/search/present';

class Source {
  cancelled = false;
  cancel(): void {
    this.cancelled = true;
  }
  dispose(): void {
    // Nothing is held.
  }
}

function memory(): Store {
  const kept = new Map<string, unknown>();
  return {
    get: (key) => kept.get(key),
    update: (key, value) => {
      kept.set(key, value);
      return Promise.resolve();
    },
  };
}

test('only what stands last is asked for, and only its answer is taken', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const asked: [string, Source, (answer: string) => void][] = [];
  const taken: string[] = [];
  const latest = new Latest<string, string, Source>(
    () => new Source(),
    (question, source) => new Promise((resolve) => asked.push([question, source, resolve])),
    (_, answer) => taken.push(answer),
    () => assert.fail('nothing fails here'),
  );
  latest.put('r', 150);
  latest.put('re', 150);
  mock.timers.tick(149);
  assert.equal(asked.length, 0);
  mock.timers.tick(1);
  latest.put('ret', 150);
  assert.ok(asked[0]?.[1].cancelled, 'the older question is cancelled');
  mock.timers.tick(150);
  asked[1]?.[2]('new');
  asked.at(0)?.[2]('old');
  await Promise.resolve();
  await Promise.resolve();
  assert.deepEqual(
    asked.map(([question]) => question),
    ['re', 'ret'],
  );
  assert.deepEqual(taken, ['new']);
  mock.timers.reset();
});

test('history has the latest first, no doubles, and an end', async () => {
  const history = new SearchHistory(memory());
  for (let number = 0; number < 40; number += 1) {
    await history.add(`query ${number}`);
  }
  await history.add('query 38');
  await history.add('  ');
  assert.equal(history.all.length, 30);
  assert.deepEqual(history.all.slice(0, 2), ['query 38', 'query 39']);
  await history.remove('query 39');
  assert.ok(!history.all.includes('query 39'));
});

test('a hit names its container, its place, and shows what it says', () => {
  const hit = {
    uri: 'file:///w/a/b.py',
    range: { start: { line: 9, character: 0 }, end: { line: 12, character: 0 } },
    kind: 'method',
    name: 'parse',
    container: 'Parser',
    score: 1,
    snippet: '\n    {\n    def parse(self):\n        return $(rm)\n',
    signals: {},
  };
  const line = presentHit(hit, 'a/b.py');
  assert.equal(line.name, 'Parser.parse');
  assert.equal(line.place, 'a/b.py:10');
  assert.equal(line.line, 10);
  assert.equal(
    presentHit({ ...hit, snippetLine: 11 }, 'a/b.py').place,
    'a/b.py:12',
    'where the lines are that are shown',
  );
  assert.equal(presentHit({ ...hit, snippetLine: 40 }, 'a/b.py').line, 10, 'never outside of the hit');
  assert.equal(line.icon, 'symbol-method');
  assert.ok(line.snippet.startsWith('def parse(self):'));
  assert.ok(!line.snippet.includes('$('), 'code is no icon');
  assert.equal(presentHit({ ...hit, name: '', container: '', kind: 'text' }, 'a/b.py').name, 'b.py');
  assert.ok(snippetOf('x'.repeat(1000)).length <= 160);
});

test('a hit leads to the definition that it is named after, and says what stands there', () => {
  const lines = (start: number, end: number) => ({
    start: { line: start, character: 0 },
    end: { line: end, character: 0 },
  });
  const hit = {
    uri: 'file:///w/a/b.py',
    range: lines(9, 30),
    kind: 'method',
    name: 'parse',
    container: 'Parser',
    score: 1,
    snippet: '    # about it\n    def parse(self):\n        return 1\n',
    signals: {},
    snippetLine: 9,
    definition: { range: lines(10, 30), signature: 'def parse(self):' },
  };
  const shown = presentHit(hit, 'b.py');
  assert.deepEqual([shown.line, shown.snippet], [11, 'def parse(self):  return 1']);
  // The snippet is of a later part: the definition's own line is known all the same.
  const later = presentHit({ ...hit, snippetLine: 20, snippet: 'deep = 1' }, 'b.py');
  assert.deepEqual([later.line, later.snippet], [11, 'def parse(self):  deep = 1']);
  // Only a later part of a long definition is found: that is where it leads.
  const part = {
    ...hit,
    range: lines(40, 60),
    snippetLine: 45,
    definition: { ...hit.definition, range: lines(10, 90) },
  };
  assert.equal(presentHit(part, 'b.py').line, 46);
  assert.equal(presentHit({ ...hit, definition: null }, 'b.py').line, 10);
});

test('where a hit leads is as the protocol has it, as everywhere', () => {
  interface Case {
    why: string;
    range: [number, number];
    name: string;
    snippetLine: number;
    definition: number | null;
    leads: number;
  }
  const line = (at: number) => ({ line: at, character: 0 });
  const cases = JSON.parse(readFileSync('../../tests/data/leads.json', 'utf8')) as Case[];
  assert.ok(cases.length > 0);
  for (const { why, range, name, snippetLine, definition, leads } of cases) {
    const begun = definition === null ? null : { range: { start: line(definition), end: line(100) }, signature: 'x' };
    const hit = { range: { start: line(range[0]), end: line(range[1]) }, name, snippetLine, definition: begun };
    assert.equal(lineOf(hit), leads, why);
  }
});

test('the lines of a hit lie in the text that is shown, also where that has become shorter, or is none of its file', () => {
  const line = (at: number) => ({ line: at, character: 0 });
  const place = { uri: 'file:///w/b.py', name: 'x', range: { start: line(9), end: line(30) }, snippetLine: 12 };
  assert.deepEqual(linesIn(place, 100), { first: 9, last: 29, cursor: 12 });
  assert.deepEqual(linesIn(place, 20), { first: 9, last: 19, cursor: 12 });
  assert.deepEqual(linesIn(place, 1), { first: 0, last: 0, cursor: 0 });
  assert.deepEqual(linesIn({ ...place, range: { start: line(9), end: line(9) } }, 100), {
    first: 9,
    last: 9,
    cursor: 9,
  });
  const remote = { repository: 'r', commit: 'c', path: 'b.py', ageS: 1, url: 'https://r' };
  for (const start of [0, 9]) {
    const there = { ...place, range: { start: line(start), end: line(30) }, snippetLine: start, remote };
    assert.deepEqual(linesIn(there, 8), { first: 7, last: 7, cursor: 7 }, 'the address, wherever the code is');
  }
});

test('a hit that is not on this machine says whose it is, and its text where it can be read', () => {
  const remote = {
    repository: 'example.org/team/app',
    commit: '4f2a9c01d3be5a1f0c7e8b6d2a4c3f1e5d7b9a80',
    path: 'client/retry.py',
    ageS: 3.2 * 24 * 3600,
    url: 'https://example.org/team/app/retry.py#L12-L40',
  };
  const hit = {
    uri: 'lowtide-remote://example.org/team/app/client/retry.py?4f2a9c01d3be-12-40',
    range: { start: { line: 11, character: 0 }, end: { line: 40, character: 0 } },
    kind: 'method',
    name: 'wait',
    container: 'RetryPolicy',
    score: 1,
    snippet: 'def wait(self):',
    signals: {},
    remote,
  };
  const line = presentHit(hit, 'team/app/client/retry.py');
  assert.equal(line.icon, 'cloud');
  assert.equal(line.place, 'client/retry.py:12 · example.org/team/app, 3 days old');
  const known = { ...hit, lines: [12, 40] as [number, number] };
  const text = remoteText(known).split('\n');
  assert.deepEqual(text.slice(0, 5), [
    'RetryPolicy.wait (method)',
    'client/retry.py, lines 12 to 40',
    'example.org/team/app, commit 4f2a9c01d3be',
    '',
    'def wait(self):',
  ]);
  assert.equal(text.at(-1), remote.url, 'the cursor comes to stand on the address');
  assert.ok(!remoteText({ ...known, remote: { ...remote, url: '' } }).includes('http'));
  assert.deepEqual(
    [0, 0.9, 1.5, 2.1].map((days) => ageOf({ ageS: days * 24 * 3600 })),
    ['of today', 'of today', '1 day old', '2 days old'],
  );
});

test('every kind has an icon, also the one that is a name of every object', () => {
  assert.equal(iconOf('constructor'), 'symbol-constructor');
  assert.equal(iconOf('text'), 'file-text');
});

test('an answer that may lack something says so, and an older server says nothing', () => {
  const fresh = { state: 'indexing', indexed: 12, total: 100, ageS: null, reason: '' } as const;
  assert.equal(freshnessWords(fresh), '12 % indexed: results so far');
  assert.equal(freshnessWords({ ...fresh, indexed: 9999, total: 10000 }), '99 % indexed: results so far');
  assert.equal(freshnessWords({ ...fresh, indexed: 9, total: 9 }), 'still being indexed: results so far');
  assert.equal(freshnessWords({ ...fresh, state: 'checking' }), 'still being compared with the disk: results so far');
  assert.equal(
    freshnessWords({ ...fresh, state: 'unwatched', reason: 'a network drive' }),
    'not watched for changes (a network drive)',
  );
  assert.equal(freshnessWords({ ...fresh, state: 'current', indexed: 100 }), undefined);
  assert.equal(freshnessWords(undefined), undefined);
  assert.equal(
    freshnessWords({ ...fresh, state: 'incomplete', reason: 'you paused it' }),
    '12 % indexed (you paused it): results so far',
  );
  assert.equal(
    freshnessWords({ ...fresh, state: 'unwatched', ageS: 200, reason: 'a network drive' }),
    'not watched for changes (a network drive): as it was 3 minutes ago',
  );
});

test('the title says first how whole the answer is', () => {
  const freshness = { state: 'indexing', indexed: 103, total: 4826, ageS: null, reason: '' } as const;
  const result = { hits: [], degraded: null, staleFiles: 0, tookMs: 8.4, freshness };
  const weakest = { uri: 'file:///b', kind: '', name: '', container: '', score: 0, snippet: '', signals: {} };
  const found = [{ ...weakest, range: { start: { line: 0, character: 0 }, end: { line: 1, character: 0 } } }];
  assert.equal(
    titleOf({ ...result, hits: found }),
    'Search by Meaning — 2 % indexed: results so far · 1 result in 8 ms',
  );
  const whole = { ...result, freshness: { ...freshness, state: 'current' as const } };
  assert.equal(titleOf(whole), 'Search by Meaning — 0 results in 8 ms');
  const weak = { uri: 'file:///a', kind: '', name: '', container: '', score: 0, snippet: '', signals: {}, weak: true };
  const range = { start: { line: 0, character: 0 }, end: { line: 1, character: 0 } };
  const hits = [{ ...weak, range }];
  assert.equal(titleOf({ ...whole, hits }), 'Search by Meaning — 1 result in 8 ms · weak matches only');
  assert.equal(
    titleOf(whole, mistypedIn('read @pyton')),
    'Search by Meaning — unknown scope @pyton · 0 results in 8 ms',
  );
});

test('a title says once that nothing is there yet, and why, in plain words', () => {
  const freshness = { state: 'indexing', indexed: 0, total: 0, ageS: null, reason: '' } as const;
  const result = { hits: [], degraded: null, staleFiles: 0, tookMs: 8.4, freshness };
  assert.equal(titleOf(result), 'Search by Meaning — nothing is indexed yet');
  const counted = { ...result, freshness: { ...freshness, total: 4826 } };
  assert.equal(titleOf(counted), 'Search by Meaning — nothing is indexed yet');
  const begun = { ...result, freshness: { ...freshness, indexed: 103, total: 4826 } };
  assert.equal(titleOf(begun), 'Search by Meaning — 2 % indexed');
  const compared = { ...result, freshness: { ...freshness, state: 'checking' as const } };
  assert.equal(titleOf(compared), 'Search by Meaning — still being compared with the disk');
  const paused = { ...result, freshness: { ...freshness, state: 'incomplete' as const, reason: 'you paused it' } };
  assert.equal(titleOf(paused), 'Search by Meaning — nothing is indexed yet (you paused it)');
  const unwatched = { ...result, freshness: { ...freshness, state: 'unwatched' as const } };
  assert.equal(titleOf(unwatched), 'Search by Meaning — not watched for changes · 0 results in 8 ms');
});

test('an answer so far is asked for again as more is there, not too often, and no more once it is whole', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  let now = 0;
  const asked: string[] = [];
  const refresh = new Refresh(
    (text) => asked.push(text),
    () => now,
  );
  const fresh = { state: 'indexing', indexed: 1, total: 2, ageS: null, reason: '' } as const;
  refresh.took(fresh, 'retry');
  refresh.more();
  refresh.more();
  mock.timers.tick(GAP_MS - 1);
  assert.deepEqual(asked, []);
  mock.timers.tick(1);
  assert.deepEqual(asked, ['retry']);
  now += 10 * GAP_MS;
  refresh.took(fresh, 'retry');
  refresh.drop();
  refresh.more();
  refresh.took({ ...fresh, state: 'current' }, 'retry');
  refresh.more();
  mock.timers.tick(10 * GAP_MS);
  assert.deepEqual(asked, ['retry']);
  mock.timers.reset();
});
