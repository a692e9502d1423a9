import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mistypedIn } from '../../src/search/mistyped';
import { parseQuery } from '../../src/search/query';

test('scopes are taken out of the words, wherever they stand', () => {
  const query = parseQuery('retry @py after path:src/net timeout kind:class');
  assert.equal(query.words, 'retry after timeout');
  assert.deepEqual(query.languages, ['python']);
  assert.deepEqual(query.kinds, ['class']);
  assert.ok(query.globs.includes('src/net/**'));
});

test('what is no language or kind stays a word, also names that every object has', () => {
  for (const word of ['@Override', '@constructor', '@toString', 'kind:nonsense', 'user@host']) {
    const query = parseQuery(`find ${word}`);
    assert.equal(query.words, `find ${word}`);
    assert.deepEqual(query.languages, []);
  }
});

test('a path may have blanks in quotes, and a pattern is kept as it is', () => {
  assert.ok(parseQuery('x path:"my folder"').globs.includes('my folder/**'));
  assert.deepEqual(parseQuery('x path:**/*.test.ts').globs, ['**/*.test.ts']);
  assert.deepEqual(parseQuery('x path:').globs, []);
});

test('scopes alone are no question', () => {
  assert.equal(parseQuery('@go path:cmd').words, '');
});

test('a scope that was mistyped is told, with what was meant; what is no scope is not', () => {
  const right = (text: string) => mistypedIn(text)?.right;
  assert.equal(right('decode text @pyton'), '@python');
  assert.equal(right('decode @typscript text'), '@typescript');
  assert.equal(right('decode @jav'), '@java');
  assert.equal(right('x kind:funtcion'), 'kind:function');
  assert.equal(right('x kind:func'), 'kind:function');
  assert.equal(right('x lang:py'), '@py');
  assert.equal(right('x folder:src/net'), 'path:src/net');
  assert.deepEqual(mistypedIn('a @pyton b'), { typed: '@pyton', right: '@python', text: 'a @python b' });
  const twice = mistypedIn('me@pyton.org @pyton')?.text;
  assert.equal(twice, 'me@pyton.org @python', 'the scope is set right, not the word that has it in it');
  for (const word of [
    '@Override',
    '@property',
    '@test',
    '@data',
    'std::file',
    'file:///x',
    'a:b',
    '@go',
    'kind:class',
  ]) {
    assert.equal(right(`find ${word}`), undefined, word);
  }
  assert.equal(right('kind:nonsense'), undefined);
});
