/**
 * How the server is installed on this machine, the best way first: from the wheel that this extension carries, into an
 * environment of its own.
 *
 * Invariant: only programs that are there are named; nothing goes into an environment that the system or the user keeps.
 */

import * as path from 'node:path';
import type { Machine } from '../server/locate';

/** A program and its words. */
export type Step = readonly [string, ...string[]];

export interface Way {
  kind: 'uv' | 'python';
  /** The program that does it, for the log and for what is said of a failure. */
  program: string;
  steps: readonly [Step, Step];
  /** The same sooner, with a uv that is got for it. */
  quick?: Quick;
}

/** Its programs lie in `folder`, inside of the environment, and go with it. */
export interface Quick {
  folder: string;
  /** An environment without pip: putting it there takes longer than all the rest. */
  make: Step;
  /** The pip that Python carries, where it can be run. */
  unpack: Step;
  /** Says how pip is set up. */
  config: Step;
  get: Step;
  /** To be told where to look. */
  install: Step;
}

/** The folder of the environment that this extension makes for itself, and of the commands in it. */
export function ownEnvironment(storage: string): { root: string; commands: string } {
  const root = path.join(storage, 'environment');
  return { root, commands: path.join(root, 'bin') };
}

const PYTHONS = ['python3', 'python', 'python3.14', 'python3.13', 'python3.12', 'python3.11'];

/**
 * `wheel`: the file to install. `pipOf` gives the file of the pip that a Python carries, '' where there is none; undefined
 * when that Python is too old or makes no environments.
 */
export async function waysToInstall(
  machine: Machine,
  storage: string,
  wheel: string,
  pipOf: (python: string) => Promise<string | undefined>,
): Promise<Way[]> {
  const ways: Way[] = [];
  const { root, commands } = ownEnvironment(storage);
  const inside = path.join(commands, 'python');
  const quickly = (python: string, pip: string): Quick => {
    const folder = path.join(root, 'installer');
    const own = path.join(folder, 'uv');
    const run: Step = [inside, path.join(folder, 'pip')];
    const quiet = ['--disable-pip-version-check', '--no-input', '--only-binary=uv', '--retries=0', '--no-compile'];
    const command = path.join(own, 'bin', 'uv');
    return {
      folder,
      make: [python, '-m', 'venv', '--clear', '--without-pip', root],
      unpack: [inside, '-m', 'zipfile', '-e', pip, folder],
      config: [...run, 'config', 'list'],
      get: [...run, 'install', ...quiet, '--target', own, 'uv'],
      install: [command, 'pip', 'install', '--python', inside, wheel],
    };
  };
  const uv = await uvOf(machine);
  if (uv) {
    // uv finds a Python that suits, and gets one where there is none.
    const make: Step = [uv, 'venv', '--clear', '--python', '>=3.11', root];
    ways.push({ kind: 'uv', program: uv, steps: [make, [uv, 'pip', 'install', '--python', inside, wheel]] });
  }
  for (const name of PYTHONS) {
    const python = await onPath(machine, name);
    const pip = python === undefined ? undefined : await pipOf(python);
    if (python !== undefined && pip !== undefined) {
      const install: Step = [inside, '-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', wheel];
      const way: Way = { kind: 'python', program: python, steps: [[python, '-m', 'venv', '--clear', root], install] };
      ways.push(pip ? { ...way, quick: quickly(python, pip) } : way);
      break;
    }
  }
  return ways;
}

/** An extension host that a desktop has started may not have the PATH of a shell: uv is looked for where it puts itself. */
async function uvOf(machine: Machine): Promise<string | undefined> {
  const own = [path.join(machine.home, '.local', 'bin', 'uv'), path.join(machine.home, '.cargo', 'bin', 'uv')];
  const found = await onPath(machine, 'uv');
  for (const file of found ? [] : own) {
    if (await machine.isProgram(file)) {
      return file;
    }
  }
  return found;
}

/** Where the program is; relative entries of PATH are not looked at. */
async function onPath(machine: Machine, name: string): Promise<string | undefined> {
  for (const folder of (machine.env.PATH ?? '').split(path.delimiter)) {
    const whole = path.join(folder, name);
    if (path.isAbsolute(folder) && (await machine.isProgram(whole))) {
      return whole;
    }
  }
  return undefined;
}
