// Holds every JSON example of docs/protocol.md against the types of src/protocol.ts: a field that is missing here or
// there, or of another type, and a request that one side does not know, fail.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import ts from 'typescript';

const text = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8');
const custom = text.slice(text.indexOf('\n## Custom'));
const lines = ["import type { Requests, Status } from '../src/protocol';", 'type R = Requests;'];
const methods = [];
for (const section of custom.split('\n### ').slice(1)) {
  const method = /^`(lowtide\/\w+)`/.exec(section)?.[1];
  if (!method) continue;
  if (method === 'lowtide/statusChanged') continue;
  methods.push(method);
  for (const [, what, json] of section.matchAll(/\n(params|result)\n+```json\n([\s\S]*?)\n```/g)) {
    const index = what === 'params' ? 0 : 1;
    lines.push(`export const e${lines.length}: R['${method}'][${index}] = ${json};`);
  }
  if (/\nresult: a Status/.test(section)) {
    lines.push(`export const e${lines.length}: (x: R['${method}'][1]) => Status = (x) => x;`);
  }
}
lines.push(`export const all: Record<keyof R, true> = { ${methods.map((m) => `'${m}': true`).join(', ')} };`);
mkdirSync('out', { recursive: true });
writeFileSync('out/protocol_examples.ts', lines.join('\n') + '\n');
const program = ts.createProgram(['out/protocol_examples.ts'], {
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  skipLibCheck: true,
  types: [],
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
});
const found = ts.getPreEmitDiagnostics(program);
if (found.length > 0) {
  console.error(
    ts.formatDiagnostics(found, {
      getCanonicalFileName: (f) => f,
      getCurrentDirectory: () => '.',
      getNewLine: () => '\n',
    }),
  );
  process.exit(1);
}
console.log(`protocol: ${methods.length} requests agree with docs/protocol.md`);
