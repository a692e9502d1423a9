/**
 * The process of `lowtide lsp`.
 *
 * Invariant: `ended` is told of every end exactly once, also of one so early that the client library does not notice it.
 */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { t } from '../l10n';

/** Start it; `ended` gets the last line that it wrote to stderr, which says what was wrong, or how it ended. */
export function startProcess(
  command: string,
  folder: string | undefined,
  ended: (why: string) => void,
): ChildProcessWithoutNullStreams {
  const child = spawn(command, ['lsp', '--stdio'], folder ? { cwd: folder } : {});
  let last = '';
  let told = false;
  const tell = (why: string): void => {
    if (!told) {
      told = true;
      ended(why);
    }
  };
  child.stderr.on('data', (data: Buffer) => {
    last = data.toString('utf8').trim().split('\n').at(-1)?.trim() ?? last;
  });
  child.stdin.on('error', () => undefined);
  child.once('error', (error) => tell(error.message));
  // Whose words they are is said around them.
  const why = (): string => last.replace(/^lowtide: /, '');
  child.once('close', (code, signal) => tell(why() || t('The server ended with {0}.', signal ?? code ?? '?')));
  return child;
}
