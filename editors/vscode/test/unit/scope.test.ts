import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explained } from '../../src/scope/explained';
import { leaveOutLine, withLine, withSwitch } from '../../src/scope/rules';
import { matchedRanges } from '../../src/search/matched';

test('a switch goes under [index], once, and the rest of the file stays as it was written', () => {
  assert.equal(withSwitch('', 'minified'), '[index]\nminified = true\n');
  assert.equal(withSwitch('# mine\nx = 1', 'minified'), '# mine\nx = 1\n\n[index]\nminified = true\n');
  const text = '# mine\r\n[index] # what\r\nexclude = ["a"]\r\n\n[other]\nminified = false\n';
  assert.equal(
    withSwitch(text, 'minified'),
    '# mine\r\n[index] # what\r\nminified = true\nexclude = ["a"]\r\n\n[other]\nminified = false\n',
  );
  assert.equal(withSwitch('[index]\nminified = false # so far\n', 'minified'), '[index]\nminified = true # so far\n');
  const done = withSwitch('', 'vendored');
  assert.equal(withSwitch(done, 'vendored'), done);
});

test('a line goes to the end, where it decides, and not twice in a row', () => {
  assert.equal(withLine('', '!/old/'), '!/old/\n');
  assert.equal(withLine('*.log', '!/old/'), '*.log\n!/old/\n');
  assert.equal(withLine('*.log\n!/old/\n', '!/old/'), '*.log\n!/old/\n');
  assert.equal(withLine('!/old/\n/old/\n', '!/old/'), '!/old/\n/old/\n!/old/\n', 'one that is overruled is said again');
});

test('what is left out is that file alone, whatever is in its name', () => {
  assert.equal(leaveOutLine('src/a b[1]*.py', false), '/src/a\\ b\\[1\\]\\*.py');
  assert.equal(leaveOutLine('build', true), '/build/');
});

test('the words of a question are marked where they stand, also inside of names', () => {
  const line = 'def encode_message(self, Message): a';
  const marked = (query: string) => matchedRanges(query, line).map(([start, end]) => line.slice(start, end));
  assert.deepEqual(marked('encode a MESSAGE'), ['encode', 'message', 'Message']);
  assert.deepEqual(marked('message messages sage'), ['message', 'Message']);
  assert.deepEqual(marked('a .* ('), []);
  assert.deepEqual(matchedRanges('stra', 'İstra'), [], 'a letter that grows marks nothing rather than something else');
});

test('why a file is or is not found is told in sentences, without commands where the editor has a button', () => {
  const of = (more: object) => explained({ path: 'a.py', status: 'indexed', reason: '', rule: '', ...more });
  assert.equal(of({ symbols: 1, chunks: 2 }), 'a.py is indexed, with 1 symbol and 2 chunks.');
  assert.equal(
    of({
      status: 'stale',
      reason: 'it is to be indexed again: part of the index was lost',
      remedy: 'run `lowtide index`',
    }),
    'The index of a.py is out of date: it is to be indexed again: part of the index was lost.',
  );
  assert.equal(
    of({ status: 'skipped', reason: 'minified', rule: 'lines over 500 columns', remedy: 'set x' }),
    'a.py is left out of the index: minified (lines over 500 columns). To do: set x.',
  );
  assert.equal(
    of({
      status: 'skipped',
      reason: 'excluded',
      rule: 'a',
      remedy: 'add `!/a.py`',
      take_in: { file: 'b', line: '!/a.py' },
    }),
    'a.py is left out of the index: excluded by a pattern (a).',
    'there is a button for it',
  );
  assert.match(of({ status: 'failed', remedy: 'run `lowtide index`' }), /To do: run “lowtide index”\.$/);
  assert.equal(of({ status: 'quarantined', reason: 'crash' }), 'a.py is in quarantine: it made a worker fail.');
  assert.equal(of({ status: 'missing', reason: 'no such file', remedy: 'check the spelling' }), 'a.py does not exist.');
  assert.equal(of({ status: 'news', reason: 'x' }), 'a.py (news): x.');
});
