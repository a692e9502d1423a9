/** The wheel of the server that this extension carries. */

import { readdir } from 'node:fs/promises';
import * as path from 'node:path';

/** Its path; undefined in a build that carries none. */
export async function ownWheel(extension: string): Promise<string | undefined> {
  const folder = path.join(extension, 'wheel');
  const names = await readdir(folder).catch(() => []);
  const name = names
    .filter((one) => /^lowtide-.*\.whl$/.test(one))
    .sort()
    .at(-1);
  return name === undefined ? undefined : path.join(folder, name);
}
