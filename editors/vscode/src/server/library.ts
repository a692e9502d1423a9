/** The client library: a file of its own, read only when a server is started, for it is most of the extension. */

import { LanguageClient } from 'vscode-languageclient/node';

export { CloseAction, ErrorAction } from 'vscode-languageclient/node';

/** Writes what goes wrong to the log alone: the person is told once, by the extension, not at each try. */
export class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }

  override warn(message: string, data?: unknown): void {
    super.warn(message, data, false);
  }
}
