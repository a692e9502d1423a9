// Bundles the extension: what is read at its activation, the library that is read later, and a size that must not creep.
import { statSync } from 'node:fs';
import * as esbuild from 'esbuild';

const MOST_BYTES = 600_000;
const files = { extension: 'src/extension.ts', library: 'src/server/library.ts' };
const watch = process.argv.includes('--watch');

const options = {
  entryPoints: files,
  outdir: 'out',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  external: ['vscode'],
  // Becomes `require`, at its place.
  supported: { 'dynamic-import': false },
  plugins: [
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
