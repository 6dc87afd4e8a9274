/** A Durable Object may be reset under a waiting client; the next one goes on where it was. */
const MAX_RESETS = 5;

/**
 * Asks a Durable Object again where it was reset under the call; its answers themselves never throw.
 *
 * @param most - how many resets are borne
 * @throws whatever the last call threw
 */
export async function persist<T>(ask: () => Promise<T>, most: number = MAX_RESETS): Promise<T> {
  for (let resets = 0; ; resets += 1) {
    try {
      return await ask();
    } catch (error) {
      if (resets === most) throw error;
    }
  }
}
