// Bundles the unit tests and runs them under Node's test runner; the modules they test do not need an editor.
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import * as esbuild from 'esbuild';

rmSync('out/unit', { recursive: true, force: true });
await esbuild.build({
  entryPoints: readdirSync('test/unit')
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `test/unit/${name}`),
  outdir: 'out/unit',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  sourcemap: 'inline',
  outExtension: { '.js': '.cjs' },
  logLevel: 'warning',
});
const files = readdirSync('out/unit').map((name) => `out/unit/${name}`);
process.exitCode =
  spawnSync(process.execPath, ['--enable-source-maps', '--test', ...files], { stdio: 'inherit' }).status ?? 1;
