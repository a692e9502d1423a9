/**
 * How the `lowtide` command can be installed on this machine, the best way first.
 *
 * Invariant: only programs that are there are named; nothing goes into an environment that the system or the user keeps.
 */

import * as path from 'node:path';
import type { Machine } from '../server/locate';

/** A program and its words. */
export type Step = readonly [string, ...string[]];

export interface Way {
  kind: 'uv' | 'pipx' | 'python';
  /** What a person would type. */
  words: string;
  steps: readonly Step[];
}

/** The folder of the environment that this extension makes for itself, and of the commands in it. */
export function ownEnvironment(storage: string, platform: NodeJS.Platform): { root: string; commands: string } {
  const paths = platform === 'win32' ? path.win32 : path.posix;
  const root = paths.join(storage, 'environment');
  return { root, commands: paths.join(root, platform === 'win32' ? 'Scripts' : 'bin') };
}

const PYTHONS = ['python3', 'python', 'python3.14', 'python3.13', 'python3.12', 'python3.11'];

/** `suits` says whether a Python is new enough and can make environments. */
export async function waysToInstall(
  machine: Machine,
  storage: string,
  suits: (python: string) => Promise<boolean>,
): Promise<Way[]> {
  const ways: Way[] = [];
  const uv = await onPath(machine, 'uv');
  if (uv) {
    ways.push({ kind: 'uv', words: 'uv tool install lowtide', steps: [[uv, 'tool', 'install', 'lowtide']] });
  }
  const pipx = await onPath(machine, 'pipx');
  if (pipx) {
    ways.push({ kind: 'pipx', words: 'pipx install lowtide', steps: [[pipx, 'install', 'lowtide']] });
  }
  const paths = machine.platform === 'win32' ? path.win32 : path.posix;
  for (const name of PYTHONS) {
    const python = await onPath(machine, name);
    if (python && (await suits(python))) {
      const { root, commands } = ownEnvironment(storage, machine.platform);
      const inside = paths.join(commands, machine.platform === 'win32' ? 'python.exe' : 'python');
      const install: Step = [inside, '-m', 'pip', 'install', '--disable-pip-version-check', '--upgrade', 'lowtide'];
      const steps: Step[] = [[python, '-m', 'venv', '--clear', root], install];
      ways.push({ kind: 'python', words: `${name} -m venv …, pip install lowtide`, steps });
      break;
    }
  }
  return ways;
}

/** Where the program is; relative entries of PATH are not looked at. */
async function onPath(machine: Machine, name: string): Promise<string | undefined> {
  const paths = machine.platform === 'win32' ? path.win32 : path.posix;
  const file = machine.platform === 'win32' ? `${name}.exe` : name;
  for (const folder of (machine.env.PATH ?? machine.env.Path ?? '').split(paths.delimiter)) {
    const whole = paths.join(folder, file);
    if (paths.isAbsolute(folder) && (await machine.isProgram(whole))) {
      return whole;
    }
  }
  return undefined;
}
