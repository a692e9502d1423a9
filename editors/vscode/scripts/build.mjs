// Bundles the extension: one file, and a size that must not creep.
import { statSync } from 'node:fs';
import * as esbuild from 'esbuild';

const MOST_BYTES = 600_000;
const outfile = 'out/extension.js';
const watch = process.argv.includes('--watch');

const options = {
  entryPoints: ['src/extension.ts'],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  external: ['vscode'],
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
  const { size } = statSync(outfile);
  console.log(`${outfile}: ${size} bytes`);
  if (size > MOST_BYTES) {
    console.error(`${outfile} is larger than ${MOST_BYTES} bytes`);
    process.exitCode = 1;
  }
}
