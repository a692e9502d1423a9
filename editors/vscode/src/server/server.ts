/**
 * The language server's life: found, started, watched, started again when it died, stopped.
 *
 * Invariant: one client at a time; `status` is the daemon's own last word and undefined while none runs; a server that
 * dies again and again is left alone after some tries, and that is said once.
 */

import type { ChildProcess } from 'node:child_process';
import * as vscode from 'vscode';
import type { LanguageClient, LanguageClientOptions } from 'vscode-languageclient/node';
import { t } from '../l10n';
import { type Method, type Params, type Result, STATUS_CHANGED, type Status } from '../protocol';
import { readSettings, serverSettings, type Settings } from '../settings';
import { Backoff } from './backoff';
import { type Located, locate } from './locate';
import { thisMachine, whereToLook } from './machine';
import { middleware } from './middleware';
import { startProcess } from './process';
import { Progresses } from './progress';
import { folderNames } from './folders';
import { key } from './uris';
import { refusal } from '../setup/supported';

export type Phase = 'stopped' | 'starting' | 'running' | 'restarting' | 'missing' | 'failed' | 'unsupported';

/** A process that ends is given this long to say why. */
const LAST_WORDS_MS = 1_000;

/** A server that says nothing for so long after its start hangs. */
const SILENT_MS = 30_000;

/** There is no server to ask. */
export class NotRunning extends Error {}

export class Server implements vscode.Disposable {
  phase: Phase = 'stopped';
  status: Status | undefined;
  /** Why it does not run, in words. */
  trouble = '';
  /** Where the command was looked for, when it is missing. */
  missing: Extract<Located, { found: false }> | undefined;

  private readonly changed = new vscode.EventEmitter<void>();
  /** The phase or the status has changed. */
  readonly onDidChange = this.changed.event;
  private client: LanguageClient | undefined;
  private child: ChildProcess | undefined;
  private timer: NodeJS.Timeout | undefined;
  private readonly backoff = new Backoff();
  private readonly progresses = new Progresses(() => this.isFirst);
  private generation = 0;

  constructor(
    private readonly log: vscode.LogOutputChannel,
    /** Where the extension keeps what is its own. */
    readonly storage: string,
  ) {}

  get settings(): Settings {
    return this.settingsOf();
  }

  /** As they are for a document: some may differ by its language. */
  settingsOf(document?: vscode.TextDocument): Settings {
    return readSettings(vscode.workspace.getConfiguration('lowtide', document));
  }

  /** Whether a folder of this window has no whole index yet. */
  get isFirst(): boolean {
    const own = folderNames();
    return this.status?.workspaces.some((one) => one.incomplete && own.has(key(one.rootUri))) ?? false;
  }

  /** Ask the server. NotRunning when there is none; CancellationError when `token` says so. */
  async request<M extends Method>(method: M, params: Params<M>, token?: vscode.CancellationToken): Promise<Result<M>> {
    const client = this.client;
    if (!client || this.phase !== 'running') {
      throw new NotRunning(this.trouble || t('Lowtide is not running.'));
    }
    // An undefined token would go out as a second parameter.
    return token ? client.sendRequest(method, params, token) : client.sendRequest(method, params);
  }

  /** Find and start the server; what goes wrong is seen in `phase` and told by `onDidChange`. */
  async start(): Promise<void> {
    const generation = ++this.generation;
    clearTimeout(this.timer);
    const refused = refusal(process.platform);
    if (refused !== undefined) {
      this.become('unsupported', refused);
      return;
    }
    this.become('starting');
    const settings = this.settings;
    const located = await locate(thisMachine(), whereToLook(settings.path, this.storage));
    if (generation !== this.generation) {
      return;
    }
    if (!located.found) {
      this.missing = located;
      this.log.warn(`event=server-missing looked=${located.looked.join(':')}`);
      this.become(
        'missing',
        located.configured
          ? t('There is no program {0}.', located.configured)
          : t('The lowtide command was not found.'),
      );
      return;
    }
    this.missing = undefined;
    this.log.info(`event=server-start command=${located.command} source=${located.source}`);
    const client = await this.makeClient(located.command, generation);
    this.client = client;
    const patience = setTimeout(() => {
      this.lost(generation, t('It did not answer for {0} seconds.', SILENT_MS / 1_000));
    }, SILENT_MS);
    try {
      await client.start();
    } catch (error) {
      // The process, if it has ended, says better why than a pipe that broke.
      const why = error instanceof Error ? error.message : String(error);
      if (generation !== this.generation || this.phase !== 'starting') {
        return;
      }
      this.timer = setTimeout(() => {
        this.lost(generation, why);
      }, LAST_WORDS_MS);
      return;
    } finally {
      clearTimeout(patience);
    }
    if (generation === this.generation) {
      this.backoff.started();
      this.become('running');
    }
  }

  /** Stop, count failures anew, start. */
  async restart(): Promise<void> {
    this.backoff.reset();
    await this.stop();
    await this.start();
  }

  /** Say goodbye to the server; it is not started again by itself. */
  async stop(): Promise<void> {
    this.generation += 1;
    clearTimeout(this.timer);
    const client = this.client;
    const child = this.child;
    this.client = undefined;
    this.child = undefined;
    this.status = undefined;
    this.become('stopped');
    try {
      await client?.dispose(2000);
    } catch (error) {
      this.log.debug(`event=stop-failed why=${String(error)}`);
    } finally {
      child?.kill();
    }
  }

  dispose(): Thenable<void> {
    return this.stop().then(() => this.changed.dispose());
  }

  private async makeClient(command: string, generation: number): Promise<LanguageClient> {
    const library = await import('./library');
    const options: LanguageClientOptions = {
      documentSelector: [{ scheme: 'file' }],
      outputChannel: this.log,
      traceOutputChannel: this.log,
      progressOnInitialization: false,
      initializationOptions: serverSettings(this.settings),
      initializationFailedHandler: () => false,
      middleware: {
        ...middleware((document) => this.settingsOf(document)),
        handleWorkDoneProgress: (token, report) =>
          this.progresses.take(token, report, () => {
            void client.sendNotification('window/workDoneProgress/cancel', { token });
          }),
      },
      errorHandler: {
        error: () => ({ action: library.ErrorAction.Continue, handled: true }),
        closed: () => {
          // Why it ended is told by its process.
          return { action: library.CloseAction.DoNotRestart, handled: true };
        },
      },
    };
    const folder = vscode.workspace.workspaceFolders?.find((one) => one.uri.scheme === 'file')?.uri.fsPath;
    const run = (): Promise<ChildProcess> =>
      Promise.resolve(
        (this.child = startProcess(command, folder, (why) => {
          this.lost(generation, why);
        })),
      );
    const client = new library.QuietClient('lowtide', 'Lowtide', run, options);
    client.onNotification(STATUS_CHANGED, (status: Status) => {
      if (generation === this.generation) {
        this.status = status;
        this.changed.fire();
      }
    });
    return client;
  }

  private lost(generation: number, why: string): void {
    if (generation !== this.generation || (this.phase !== 'starting' && this.phase !== 'running')) {
      return;
    }
    const client = this.client;
    const child = this.child;
    this.client = undefined;
    this.child = undefined;
    this.status = undefined;
    // Disposing a client that is going down by itself rejects; there is nothing left to do then.
    void client?.dispose().catch(() => undefined);
    child?.kill();
    clearTimeout(this.timer);
    const delay = this.backoff.died();
    this.log.warn(`event=server-lost again_ms=${delay ?? 'never'} why=${why}`);
    if (delay === undefined) {
      this.become('failed', why);
      return;
    }
    this.become('restarting', why);
    this.timer = setTimeout(() => void this.start(), delay);
  }

  private become(phase: Phase, trouble = ''): void {
    if (phase !== 'running' && phase !== 'starting') {
      this.progresses.clear();
    }
    this.phase = phase;
    this.trouble = trouble;
    this.changed.fire();
  }
}
