import type { Api } from "../gitlab/api.ts";
import { compare, findFile } from "../gitlab/repository.ts";
import type { Commit } from "../gitlab/schema.ts";
import { digestFiles } from "../render/edit-digest.ts";
import { parseTrailer, type BranchMarker } from "../render/marker.ts";

/**
 * Proves that a branch's head is a commit of the bot's and that nothing was done on top of it.
 *
 * The trailer alone proves nothing, as amending keeps it. So the head's one parent must be the trailer's base, and the
 * files that differ between the two must be what the trailer's digest says.
 *
 * @returns the commit's marker, or `null` where the branch may be somebody's work
 */
export async function proveOwn(
  api: Api,
  projectId: number,
  head: Commit,
): Promise<BranchMarker | null> {
  const marker = parseTrailer(head.message);
  if (marker === null || head.parents.length !== 1 || head.parents[0] !== marker.base) return null;
  const { diffs } = await compare(api, projectId, { from: marker.base, to: head.sha });
  const files: { path: string; text: string }[] = [];
  for (const { old_path: from, new_path: path } of diffs) {
    const file = from === path ? await findFile(api, projectId, { path, ref: head.sha }) : null;
    if (file === null) return null;
    files.push({ path, text: Buffer.from(file.bytes).toString("utf8") });
  }
  return digestFiles(files) === marker.files ? marker : null;
}
