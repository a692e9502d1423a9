/** Water levels of a harbour. */
import { Injectable } from './di';

export const GRAVITY = 9.81;
let counter: number = 0;
declare const VERSION: string;
declare var legacy: any;

/** The phases of a tide. */
export enum Phase {
  /** The lowest water. */
  Low = 'low',
  High = 'high',
  Slack,
}
declare const enum Flags { A = 1, 'B-C' = 2 }

export type Level = number | undefined;
type Options = {
  unit: string;
  format?(level: Level): string;
} & { digits: number };

/**
 * Reads levels.
 */
export interface Reader<T> extends Disposable {
  readonly name: string;
  onRead?: (level: T) => void;
  read(at: number): Promise<T>;
  get last(): T;
  new (name: string): Reader<T>;
  (at: number): T;
  [key: string]: unknown;
}

@Injectable({ scope: 'app' })
export abstract class Gauge<T extends number = number> extends Base<T> implements Reader<T> {
  private static count = 0;
  readonly station!: string;
  #secret?: T;
  declare extra: Options;

  onRead = (level: T): void => {
    counter++;
  };

  /** Made for a station. */
  constructor(private readonly name: string, public digits?: number, plain = 1) {
    super();
  }

  // Overloads:
  find(at: number): T;
  find(at: string): T;
  find(at: any): T {
    const local = 1;
    const helper = (x: number) => x;
    function inner(): void {}
    return helper(local) as T;
  }

  abstract nearest(instant: number): T;

  @Memo()
  @Log('x')
  get level(): T { return this.#secret!; }
  static async *stream<U>(this: void, from: U): AsyncIterable<U> {}
}

export function add(a: number): number;
export function add(a: string): string;
export function add(a: any): any { return a; }

declare function external(x: number): string;

export namespace Tides.North {
  export const offset = 1;
  export function predict(): Level { return 0; }
  export interface Station { id: number }
}

declare module 'harbour' {
  export function depth(): number;
}

declare global {
  interface Window { tide: Level }
}

export const read = async <T,>(at: T): Promise<T> => at;
export const isGauge = function (x: unknown): x is Gauge { return true; };
export default interface Defaulted { z: 1 }
const table = { row(): void {}, cell: () => 1, 'x-y': function () {} };
class Größe { länge = 1 }
