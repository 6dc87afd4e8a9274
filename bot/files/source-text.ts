/** Where the line that `offset` stands on ends: before its `\n` or `\r\n`, or at the end of the source. */
export function endOfLine(source: string, offset: number): number {
  const feed = source.indexOf("\n", offset);
  if (feed < 0) return source.length;
  return feed > offset && source[feed - 1] === "\r" ? feed - 1 : feed;
}

/** Where the line that `offset` stands on begins. */
export function startOfLine(source: string, offset: number): number {
  return offset === 0 ? 0 : source.lastIndexOf("\n", offset - 1) + 1;
}

/** Where the line before `offset`'s line ends, as {@link endOfLine} has it; 0 on the first line. */
export function endOfPreviousLine(source: string, offset: number): number {
  const start = startOfLine(source, offset);
  if (start === 0) return 0;
  return source[start - 2] === "\r" ? start - 2 : start - 1;
}

/** The line end in use around `offset`: that of its own line, else of the line before, else `\n`. */
export function lineBreakAt(source: string, offset: number): "\n" | "\r\n" {
  const next = source.indexOf("\n", offset);
  const feed = next >= 0 ? next : source.lastIndexOf("\n", offset);
  return feed > 0 && source[feed - 1] === "\r" ? "\r\n" : "\n";
}

/** A counter of lines, from 1, that was set up for many questions about one source. */
export function lineCounter(source: string): (offset: number) => number {
  const starts = [0];
  for (let at = source.indexOf("\n"); at >= 0; at = source.indexOf("\n", at + 1))
    starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}

/** The characters of the line before `offset`. */
export function textBefore(source: string, offset: number): string {
  return source.slice(startOfLine(source, offset), offset);
}

/** A byte order mark stands before the first column and is none. */
export function withoutByteOrderMark(text: string): string {
  return text.startsWith("\uFEFF") ? text.slice(1) : text;
}
