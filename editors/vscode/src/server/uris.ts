/** URIs of folders, compared. */

/** As the server writes them: nothing encoded that need not be. */
export function key(uri: string): string {
  try {
    return decodeURIComponent(uri).replace(/\/+$/, '');
  } catch {
    return uri;
  }
}
