/** The language client library: a file of its own, read only when a server is started, for it is most of the extension. */

export { CloseAction, ErrorAction, LanguageClient } from 'vscode-languageclient/node';
