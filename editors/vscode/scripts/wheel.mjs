// Puts the wheel of the server into wheel/, for the package to carry: the one that WHEEL names, else built here with pip.
// PYTHON names the Python that builds it (default: python3).
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const here = new URL('..', import.meta.url).pathname;
const repository = join(here, '../..');
const { version } = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'));
const made = mkdtempSync(join(tmpdir(), 'lowtide-wheel-'));
try {
  let file = process.env.WHEEL;
  if (!file) {
    const words = ['-m', 'pip', 'wheel', '-q', '--no-deps', '--disable-pip-version-check', '-w', made, repository];
    const done = spawnSync(process.env.PYTHON ?? 'python3', words, { encoding: 'utf8' });
    if (done.status !== 0) {
      throw new Error(
        `${done.stderr ?? done.error}\nno wheel could be built; name one in WHEEL, or a Python in PYTHON`,
      );
    }
    file = join(made, readdirSync(made)[0]);
  }
  if (!basename(file).startsWith(`lowtide-${version}-`)) {
    throw new Error(`${basename(file)} is not of version ${version}, as package.json is`);
  }
  rmSync(join(here, 'wheel'), { recursive: true, force: true });
  mkdirSync(join(here, 'wheel'));
  cpSync(file, join(here, 'wheel', basename(file)));
  console.log(`wheel: ${basename(file)}`);
} catch (error) {
  console.error(`wheel.mjs: ${error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(made, { recursive: true, force: true });
}
