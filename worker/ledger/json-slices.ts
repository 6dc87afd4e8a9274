/** A Durable Object's SQLite takes no value over 2 MB; a character is 3 bytes at most as one of UTF-16's units. */
const MAX_LENGTH = 600_000;

/**
 * Writes a list as JSON arrays that can each be bound to a statement.
 *
 * A manifest names 40,000 blobs and a batch tells of 10,000 clients: one array of them is more than SQLite takes, and a
 * batch that fails by it fails as often as it is told again.
 *
 * @returns none for an empty list; `start` is the place in the list that the slice begins at
 */
export function sliceJson(
  list: readonly unknown[],
): { readonly start: number; readonly json: string }[] {
  const slices: { start: number; json: string }[] = [];
  let start = 0;
  let part: string[] = [];
  let length = 0;
  for (const [place, item] of list.entries()) {
    const text = JSON.stringify(item);
    if (part.length > 0 && length + text.length > MAX_LENGTH) {
      slices.push({ start, json: `[${part.join(",")}]` });
      [start, part, length] = [place, [], 0];
    }
    part.push(text);
    length += text.length + 1;
  }
  if (part.length > 0) slices.push({ start, json: `[${part.join(",")}]` });
  return slices;
}
