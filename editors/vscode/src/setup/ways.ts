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

export interface Quick {
  /** Says how pip is set up. */
  config: Step;
  get: Step;
  /** To be told where to look. */
  install: Step;
  remove: Step;
}

/** The folder of the environment that this extension makes for itself, and of the commands in it. */
export function ownEnvironment(storage: string, platform: NodeJS.Platform): { root: string; commands: string } {
  const paths = platform === 'win32' ? path.win32 : path.posix;
  const root = paths.join(storage, 'environment');
  return { root, commands: paths.join(root, platform === 'win32' ? 'Scripts' : 'bin') };
}

const PYTHONS = ['python3', 'python', 'python3.14', 'python3.13', 'python3.12', 'python3.11'];

/** `wheel`: the file to install. `suits` says whether a Python is new enough and can make environments. */
export async function waysToInstall(
  machine: Machine,
  storage: string,
  wheel: string,
  suits: (python: string) => Promise<boolean>,
): Promise<Way[]> {
  const ways: Way[] = [];
  const paths = machine.platform === 'win32' ? path.win32 : path.posix;
  const { root, commands } = ownEnvironment(storage, machine.platform);
  const inside = paths.join(commands, machine.platform === 'win32' ? 'python.exe' : 'python');
  const uv = await uvOf(machine);
  if (uv) {
    // uv finds a Python that suits, and gets one where there is none.
    const make: Step = [uv, 'venv', '--clear', '--python', '>=3.11', root];
    ways.push({ kind: 'uv', program: uv, steps: [make, [uv, 'pip', 'install', '--python', inside, wheel]] });
  }
  for (const name of PYTHONS) {
    const python = await onPath(machine, name);
    if (python && (await suits(python))) {
      const install: Step = [inside, '-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', wheel];
      const pip: Step = [inside, '-m', 'pip'];
      const own = paths.join(commands, machine.platform === 'win32' ? 'uv.exe' : 'uv');
      const quick: Quick = {
        config: [...pip, 'config', 'list'],
        get: [...pip, 'install', '--disable-pip-version-check', '--no-input', '--only-binary=uv', '--retries=0', 'uv'],
        install: [own, 'pip', 'install', '--python', inside, wheel],
        remove: [...pip, 'uninstall', '--yes', 'uv'],
      };
      ways.push({ kind: 'python', program: python, steps: [[python, '-m', 'venv', '--clear', root], install], quick });
      break;
    }
  }
  return ways;
}

/** An extension host that a desktop has started may not have the PATH of a shell: uv is looked for where it puts itself. */
async function uvOf(machine: Machine): Promise<string | undefined> {
  const paths = machine.platform === 'win32' ? path.win32 : path.posix;
  const name = machine.platform === 'win32' ? 'uv.exe' : 'uv';
  const own = [paths.join(machine.home, '.local', 'bin', name), paths.join(machine.home, '.cargo', 'bin', name)];
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
