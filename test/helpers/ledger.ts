import type * as z from "zod";
import { PullLogPage, type PullRecord } from "../../worker/contract/pull-log.ts";
import type { TestMirror } from "./mirror.ts";

/** Reads an answer of the API by its contract. */
export async function readApi<Schema extends z.ZodType>(
  mirror: TestMirror,
  path: string,
  schema: Schema,
): Promise<z.output<Schema>> {
  const response = await mirror.fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return schema.parse(await response.json());
}

/** Records come after the answers: this long they may take, as the bot has it. */
const WRITTEN_WITHIN_MS = 15_000;

/** Waits until the log holds so many pulls and a moment more, for blobs and for pulls too many. */
export async function readLog(mirror: TestMirror, count: number): Promise<PullRecord[]> {
  const until = Date.now() + WRITTEN_WITHIN_MS;
  for (;;) {
    const { pulls } = await readApi(mirror, "/api/pulls?n=1000", PullLogPage);
    if (pulls.length >= count || Date.now() > until) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  return (await readApi(mirror, "/api/pulls?n=1000", PullLogPage)).pulls;
}
