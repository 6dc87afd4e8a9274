import type { Api } from "../gitlab/api.ts";
import {
  addNote,
  editMergeRequest,
  editNote,
  listNotes,
  type MergeRequestPlace,
} from "../gitlab/merge-requests.ts";
import { setStatus } from "../gitlab/pipelines.ts";
import type { MergeRequest, Note } from "../gitlab/schema.ts";
import { parseMarker } from "../render/marker.ts";
import { measure } from "../render/measured-line.ts";
import { headline, renderFlip, renderVerifyComment } from "../render/verify-comment.ts";
import { parseVerifyMarker } from "../render/verify-marker.ts";
import type { Verification } from "../verify/verification.ts";

/** The name under which the verdict stands among a commit's checks. */
export const STATUS_NAME = "tidepool/verify";

/** Where to publish. */
export interface Publication {
  /** Where the comment goes. */
  readonly place: MergeRequestPlace;
  readonly merge: MergeRequest;
  /** The token's own user: nobody else's comment is touched. */
  readonly userId: number;
}

/** What publishing came to. */
export interface Published {
  /** `none` where nothing was pulled and no comment stands that would have to say so. */
  readonly comment: "written" | "edited" | "unchanged" | "none";
  readonly flipped: boolean;
}

/**
 * Writes the merge request's one comment, or edits it; a short new note only where the verdict flips.
 *
 * The comment is found by its marker, and must be the bot's own. None is begun to say that nothing was pulled. The onboarding merge request's description gets a
 * measured line as well.
 */
export async function publish(
  api: Api,
  { place, merge, userId }: Publication,
  view: Verification,
): Promise<Published> {
  const body = renderVerifyComment(view);
  const notes = await listNotes(api, place);
  const own = notes.findLast(
    (note) => note.author.id === userId && parseVerifyMarker(note.body) !== null,
  );
  await publishMeasure(api, { place, merge }, view);
  if (own === undefined) {
    if (view.summary.state === "nothing") return { comment: "none", flipped: false };
    await addNote(api, place, body);
    return { comment: "written", flipped: false };
  }
  if (isSame(own.body, body)) return { comment: "unchanged", flipped: false };
  await editNote(api, place, { id: own.id, body });
  const flipped = hasFlipped(own, view);
  if (flipped) await addNote(api, place, renderFlip(view, `${merge.webUrl}#note_${own.id}`));
  return { comment: "edited", flipped };
}

/** Only between "went round" and "did not": what comes and goes between proven and unclear is not worth a mail. */
function hasFlipped(own: Note, { summary }: Verification): boolean {
  const before = parseVerifyMarker(own.body)?.state;
  return before !== undefined && (before === "bypassed") !== (summary.state === "bypassed");
}

async function publishMeasure(
  api: Api,
  { place, merge }: Pick<Publication, "place" | "merge">,
  view: Verification,
): Promise<void> {
  if (merge.state !== "opened" || parseMarker(merge.description) === null) return;
  const description = measure(merge.description, view);
  if (!isSame(description, merge.description)) await editMergeRequest(api, place, { description });
}

/** GitLab keeps texts without the white space at their end, and may change line breaks. */
export function isSame(one: string, other: string): boolean {
  return tidy(one) === tidy(other);
}

function tidy(text: string): string {
  return text.replaceAll("\r\n", "\n").trimEnd();
}

/** Sets the commit's status, on the pipeline that was looked at and on no new one. */
export async function publishStatus(
  api: Api,
  { projectId, isAdvisory }: { readonly projectId: number; readonly isAdvisory: boolean },
  view: Verification,
): Promise<void> {
  const failed = view.summary.state === "bypassed" && !isAdvisory;
  await setStatus(api, projectId, {
    sha: view.pipeline.sha,
    pipelineId: view.pipeline.id,
    state: failed ? "failed" : "success",
    name: STATUS_NAME,
    description: headline(view),
    targetUrl: view.pipeline.url,
  });
}
