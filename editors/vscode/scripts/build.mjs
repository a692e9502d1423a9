// Bundles the extension: what is read at its activation, the library that is read later, and a size that must not creep.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as esbuild from 'esbuild';

const MOST_BYTES = 600_000;
const files = { extension: 'src/extension.ts', library: 'src/server/library.ts' };
const watch = process.argv.includes('--watch');

/** What the sources name of the editor's API; a name that is a type alone is undefined there. */
const named = () => {
  const sources = readdirSync('src', { recursive: true }).filter((name) => name.endsWith('.ts'));
  const found = sources.flatMap((name) => readFileSync(join('src', name), 'utf8').match(/\bvscode\.\w+/g) ?? []);
  return [...new Set(found.map((name) => name.slice('vscode.'.length)))].sort();
};

/**
 * The API is read once. Otherwise each file that imports it gets an object of its own, into which all of its names, some
 * hundreds, are copied one by one: a third of the time that loading takes.
 */
const editor = {
  name: 'the editor, once',
  setup: (build) => {
    build.onResolve({ filter: /^vscode$/ }, ({ kind, path }) =>
      kind === 'import-statement' ? { path, namespace: 'editor' } : { path, external: true },
    );
    build.onLoad({ filter: /.*/, namespace: 'editor' }, () => ({
      contents: `const api = require('vscode');\n${named()
        .map((name) => `export const ${name} = api.${name};`)
        .join('\n')}`,
    }));
  },
};

const options = {
  entryPoints: files,
  outdir: 'out',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  // Becomes `require`, at its place.
  supported: { 'dynamic-import': false },
  plugins: [
    editor,
    {
      name: 'library apart',
      setup: (build) => build.onResolve({ filter: /\/library$/ }, () => ({ path: './library.js', external: true })),
    },
  ],
  minify: !watch,
  sourcemap: watch ? 'inline' : false,
  // The ES module of a dependency where it has one: what is not used is left out.
  mainFields: ['module', 'main'],
  legalComments: 'none',
  logLevel: 'warning',
  // A name of the API that was not seen above must not become undefined.
  logOverride: { 'import-is-undefined': 'error' },
};

if (watch) {
  await (await esbuild.context(options)).watch();
} else {
  await esbuild.build(options);
  const sizes = Object.keys(files).map((name) => [name, statSync(`out/${name}.js`).size]);
  const size = sizes.reduce((sum, [, bytes]) => sum + bytes, 0);
  console.log(`bundle: ${size} bytes (${sizes.map(([name, bytes]) => `${name} ${bytes}`).join(', ')})`);
  if (size > MOST_BYTES) {
    console.error(`the bundle is larger than ${MOST_BYTES} bytes`);
    process.exitCode = 1;
  }
}
