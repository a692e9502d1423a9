// Every text that the sources translate stands in the bundle, every one of the bundle is used, and translations have the
// same keys and the same {0}. `--write` brings the bundle up to date.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

const used = new Set();
for (const entry of readdirSync('src', { recursive: true })) {
  if (!entry.endsWith('.ts')) continue;
  const source = ts.createSourceFile(entry, readFileSync(join('src', entry), 'utf8'), ts.ScriptTarget.Latest);
  const visit = (node) => {
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 't') {
      const [first] = node.arguments;
      if (first && ts.isStringLiteralLike(first)) used.add(first.text);
      else throw new Error(`${entry}: the first argument of t() must be a literal`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
}
const base = 'l10n/bundle.l10n.json';
if (process.argv.includes('--write')) {
  writeFileSync(base, JSON.stringify(Object.fromEntries([...used].sort().map((text) => [text, text])), null, 2) + '\n');
}
const problems = [];
const slots = (text) => [...text.matchAll(/\{\d+\}/g)].map(String).sort().join();
const compare = (file, wanted, other) => {
  for (const key of wanted) if (!(key in other)) problems.push(`${file} lacks: ${key}`);
  for (const key of Object.keys(other)) if (!wanted.has(key)) problems.push(`${file} has, unused: ${key}`);
};
const read = (file) => JSON.parse(readFileSync(file, 'utf8'));
for (const name of readdirSync('l10n')) {
  const bundle = read(join('l10n', name));
  compare(name, used, bundle);
  for (const [key, value] of Object.entries(bundle)) {
    if (slots(key) !== slots(value)) problems.push(`${name}: other {…} in: ${key}`);
  }
}
const manifest = readFileSync('package.json', 'utf8');
const wanted = new Set([...manifest.matchAll(/"%([\w.-]+)%"/g)].map((match) => match[1]));
for (const name of readdirSync('.').filter((file) => /^package\.nls.*\.json$/.test(file)))
  compare(name, wanted, read(name));
if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exit(1);
}
console.log(`l10n: ${used.size} texts, ${wanted.size} of the manifest`);
