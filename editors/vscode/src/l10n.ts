/**
 * Texts that a person reads, in their language; the modules that use it need no editor, so that tests run without one.
 *
 * Invariant: every first argument of `t` is a literal and stands in l10n/bundle.l10n.json (`npm run check`).
 */

type Translate = (message: string, ...values: (string | number)[]) => string;

let translate: Translate = (message, ...values) =>
  message.replace(/\{(\d+)\}/g, (all, index: string) => String(values[Number(index)] ?? all));

/** Give the editor's own translation. */
export function setTranslation(other: Translate): void {
  translate = other;
}

/** The message in the user's language; `{0}` stands for the first value. */
export function t(message: string, ...values: (string | number)[]): string {
  return translate(message, ...values);
}
