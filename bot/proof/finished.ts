import * as z from "zod";
import { readPages, type Api } from "../gitlab/api.ts";
import { findMergeRequest, listNotes } from "../gitlab/merge-requests.ts";
import type { Pipeline } from "../gitlab/pipelines.ts";
import type { MergeRequest, Project } from "../gitlab/schema.ts";
import { parseVerifyMarker } from "../render/verify-marker.ts";
import { type Scope, listScope } from "./survey.ts";

const FINISHED: ReadonlySet<string> = new Set(["success", "failed", "canceled"]);

/** A merge request whose head's pipeline has finished and was not told of yet. */
export interface Unverified {
  readonly project: Project;
  readonly merge: MergeRequest;
  readonly pipeline: Pipeline;
}

/**
 * Finds, in a project or group, the open merge requests of the last days that a verification is due for.
 *
 * The comment's own marker tells which pipeline it is about: a schedule looks at each pipeline once, without a
 * database.
 */
export async function* listUnverified(
  api: Api,
  scope: Scope,
  { sinceMs, userId }: { readonly sinceMs: number; readonly userId: number },
): AsyncGenerator<Unverified> {
  for await (const project of listScope(api, scope)) {
    if (project.isArchived || !project.hasMergeRequests) continue;
    const pages = readPages(api, {
      path: `projects/${project.id}/merge_requests`,
      query: { state: "opened", scope: "all", updated_after: new Date(sinceMs).toISOString() },
      item: z.object({ iid: z.number() }),
    });
    for await (const page of pages)
      for (const { iid } of page) {
        const place = { projectId: project.id, iid };
        const found = await findMergeRequest(api, place);
        const head = found?.head ?? null;
        if (found === null || head === null || !FINISHED.has(head.status)) continue;
        const told = (await listNotes(api, place)).some(
          ({ author, body }) =>
            author.id === userId && parseVerifyMarker(body)?.pipeline === head.id,
        );
        if (!told) yield { project, merge: found.merge, pipeline: head };
      }
  }
}
