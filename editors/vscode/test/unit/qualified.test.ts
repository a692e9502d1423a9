import assert from 'node:assert/strict';
import { test } from 'node:test';
import { qualifiedLabel } from '../../src/server/qualified';

const label = (query: string, containerName: string, name: string, path = 'src/a.py') =>
  qualifiedLabel(query, { name, containerName, path });

test('a qualified query is answered with the name as it was written', () => {
  assert.equal(label('Parser.parse', 'Parser', 'parse'), 'Parser.parse');
  assert.equal(label('Pars.pa', 'Parser', 'parse'), 'Parser.parse');
  assert.equal(label('net::Socket', 'net', 'Socket'), 'net::Socket');
  assert.equal(label('net::Socket::open', 'app.net.Socket', 'open'), 'net::Socket::open');
  assert.equal(label('Parser#parse', 'Parser', 'parse'), 'Parser#parse');
});

test('the outer name may be one of a folder or a file', () => {
  assert.equal(label('models.Query', '', 'Query', 'django/db/models/query.py'), 'models.query.Query');
  assert.equal(label('socket::Socket', '', 'Socket', 'net/socket.rs'), 'socket::Socket');
});

test('the picker’s own filter finds the query in every label: its letters, in order', () => {
  for (const [query, container, name] of [
    ['HttpRes.wri', 'HttpResponse', 'write'],
    ['a::c', 'a.b', 'child'],
  ] as const) {
    let text = (label(query, container, name) ?? '').toLowerCase();
    for (const letter of query.toLowerCase()) {
      assert.ok(text.includes(letter), `${letter} of ${query} in ${text}`);
      text = text.slice(text.indexOf(letter) + 1);
    }
  }
});

test('a plain name stays, and so does one whose outer name is nowhere to be found', () => {
  assert.equal(label('parse', 'Parser', 'parse'), undefined);
  assert.equal(label('#parse', 'Parser', '#parse'), undefined);
  assert.equal(label('Lexer.parse', 'Parser', 'parse'), undefined);
  assert.equal(label('Parser.', 'Parser', 'parse'), undefined);
});
