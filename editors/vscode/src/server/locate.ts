/**
 * Finds the `lowtide` command: the setting, the environment that this extension made because it was asked to, PATH, the
 * selected Python environment, then where uv and pipx put commands.
 *
 * Invariant: in a workspace that is not trusted nothing that the workspace can name is run: no Python environment,
 * no relative entry of PATH. A path that was set is used or reported, never silently replaced.
 */

import * as path from 'node:path';

export interface Machine {
  home: string;
  env: Readonly<Record<string, string | undefined>>;
  isProgram(file: string): Promise<boolean>;
}

export interface Where {
  /** The setting; empty when there is none. */
  configured: string;
  trusted: boolean;
  /** Folder of the commands of the extension's own environment. */
  own?: string;
  /** First workspace folder, for `${workspaceFolder}` in the setting. */
  folder?: string;
  /** Path of the selected Python interpreter or of its environment; asked for only when PATH has no `lowtide`. */
  python?: () => Promise<string | undefined>;
}

export type Source = 'setting' | 'PATH' | 'python' | 'tools' | 'own';

export type Located =
  { found: true; command: string; source: Source } | { found: false; configured: string; looked: string[] };

/** Where the command is, or where it was looked for. */
export async function locate(machine: Machine, where: Where): Promise<Located> {
  if (where.configured) {
    const command = expand(machine, where);
    return (await machine.isProgram(command))
      ? { found: true, command, source: 'setting' }
      : { found: false, configured: command, looked: [command] };
  }
  const looked: string[] = [];
  for (const [source, find] of places(machine, where)) {
    for (const folder of await find()) {
      const command = path.join(folder, 'lowtide');
      if (looked.includes(command)) {
        continue;
      }
      looked.push(command);
      if (await machine.isProgram(command)) {
        return { found: true, command, source };
      }
    }
  }
  return { found: false, configured: '', looked };
}

function places(machine: Machine, where: Where): [Source, () => Promise<string[]>][] {
  const { env, home } = machine;
  const onPath = (env.PATH ?? '').split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  const inPython = async (): Promise<string[]> => {
    const python = where.trusted ? await where.python?.() : undefined;
    return python ? environmentFolders(python) : [];
  };
  const inTools = [
    env.UV_TOOL_BIN_DIR,
    env.XDG_BIN_HOME,
    env.XDG_DATA_HOME && path.join(env.XDG_DATA_HOME, '..', 'bin'),
    env.PIPX_BIN_DIR,
    home && path.join(home, '.local', 'bin'),
  ].filter((folder): folder is string => !!folder && path.isAbsolute(folder));
  return [
    ['own', () => Promise.resolve(where.own ? [where.own] : [])],
    ['PATH', () => Promise.resolve(onPath)],
    ['python', inPython],
    ['tools', () => Promise.resolve(inTools)],
  ];
}

function environmentFolders(python: string): string[] {
  return [path.dirname(python), path.join(python, 'bin'), path.join(path.dirname(python), 'bin')].filter((folder) =>
    path.isAbsolute(folder),
  );
}

function expand(machine: Machine, where: Where): string {
  const text = where.configured
    .replace(/^~(?=\/)/, machine.home)
    .replaceAll('${userHome}', machine.home)
    .replaceAll('${workspaceFolder}', where.folder ?? '');
  return path.isAbsolute(text) || !where.folder ? text : path.join(where.folder, text);
}
