/**
 * Works through a stream with several workers, and hands out results as they come.
 *
 * The stream is read no further than the workers have got, so that memory stays bounded however long it is.
 */
export async function forEachOf<Item>(
  items: AsyncIterable<Item>,
  workers: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.asyncIterator]();
  let turn: Promise<unknown> = Promise.resolve();
  const next = (): Promise<IteratorResult<Item>> => {
    // One question at a time: a generator that failed would tell the later askers that it is done.
    const asked = turn.then(() => iterator.next());
    turn = asked;
    return asked;
  };
  const worker = async () => {
    for (let item = await next(); item.done !== true; item = await next()) await work(item.value);
  };
  const results = await Promise.allSettled(Array.from({ length: workers }, worker));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
