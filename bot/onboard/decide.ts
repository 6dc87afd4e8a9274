import type { MergeRequest } from "../gitlab/schema.ts";
import type { BranchMarker, Marker } from "../render/marker.ts";

/** What is known about a project, with nothing left to look up. */
export interface Facts {
  /** What the default branch would still need. */
  readonly plan: {
    readonly isEmpty: boolean;
    /** Whether an empty plan is no proof that nothing is needed: a file does not parse, or was not listed. */
    readonly isUnsure: boolean;
    readonly edit: string;
    readonly base: string | null;
  };
  readonly defaultBranch: string;
  /** The open merge request from the bot's branch. */
  readonly open: OpenMergeRequest | null;
  /** The newest one from the bot's branch that is no longer open. */
  readonly past: { readonly merge: MergeRequest; readonly marker: Marker | null } | null;
  readonly reopen: boolean;
}

/** The open merge request, and whose its head is. */
export interface OpenMergeRequest {
  readonly merge: MergeRequest;
  readonly marker: Marker | null;
  /**
   * `recorded`: the commit that the marker names. `own`: another one, proven to be the bot's; a run was stopped
   * between commit and description. `foreign`: anything else.
   */
  readonly head: "recorded" | "own" | "foreign";
  /** The marker of an `own` head. */
  readonly trailer: BranchMarker | null;
  readonly isRebuildAsked: boolean;
}

/** What to do about a project. */
export type Decision =
  | { readonly action: "open"; readonly reason: string }
  | { readonly action: "refresh"; readonly merge: MergeRequest; readonly reason: string }
  /** The branch is right, the description is not: write the description alone. */
  | { readonly action: "describe"; readonly merge: MergeRequest; readonly reason: string }
  | {
      readonly action: "close";
      readonly merge: MergeRequest;
      readonly marker: Marker;
      readonly reason: string;
    }
  /** Say once that the branch is left to others. */
  | { readonly action: "hands-off"; readonly merge: MergeRequest; readonly reason: string }
  | { readonly action: "keep"; readonly merge: MergeRequest; readonly reason: string }
  | { readonly action: "respect"; readonly merge: MergeRequest; readonly reason: string }
  | { readonly action: "leave-alone"; readonly merge: MergeRequest; readonly reason: string }
  | { readonly action: "nothing"; readonly reason: string };

/** Decides what to do about a project. Pure: the manners of the bot are all here. */
export function decide(facts: Facts): Decision {
  if (facts.open !== null) return decideOpen(facts, facts.open);
  if (facts.plan.isEmpty) return { action: "nothing", reason: "nothing to edit" };
  return decidePast(facts) ?? { action: "open", reason: "not asked yet" };
}

function decideOpen({ plan, defaultBranch }: Facts, open: OpenMergeRequest): Decision {
  const { merge, marker, trailer } = open;
  if (marker === null) {
    const reason = `!${merge.iid} is on the bot's branch and bears no marker of the bot`;
    return { action: "leave-alone", merge, reason };
  }
  if (merge.state === "locked") return { action: "keep", merge, reason: "is being merged" };
  if (merge.targetBranch !== defaultBranch) {
    // Whoever turned it to another branch knows why; conflicts there say nothing about our edits.
    return { action: "keep", merge, reason: `was turned to ${merge.targetBranch}` };
  }
  const isForeign = open.head === "foreign" && !open.isRebuildAsked;
  if (isForeign)
    return { action: "hands-off", merge, reason: "somebody else pushed to the branch" };
  if (plan.isEmpty) {
    if (plan.isUnsure) return { action: "keep", merge, reason: "a file cannot be read now" };
    return { action: "close", merge, marker, reason: "the default branch needs no edit any more" };
  }
  const isDone = open.head === "own" && trailer?.edit === plan.edit;
  if (open.isRebuildAsked) {
    if (isDone && trailer.base === plan.base) return describe(merge);
    return { action: "refresh", merge, reason: "somebody asked for it by the box" };
  }
  if (isDone) return describe(merge);
  if (marker.edit !== plan.edit)
    return { action: "refresh", merge, reason: "other edits are needed now" };
  // On the newest commit nothing can conflict: GitLab's answer is from before the last push.
  const mayConflict = marker.base !== plan.base;
  if (merge.hasConflicts && mayConflict)
    return { action: "refresh", merge, reason: "it no longer applies" };
  return { action: "keep", merge, reason: "is open and still applies" };
}

function describe(merge: MergeRequest): Decision {
  return { action: "describe", merge, reason: "an earlier run was stopped before it was done" };
}

function decidePast({ plan, past, reopen }: Facts): Decision | null {
  if (past === null || past.marker?.closed === "obsolete") return null;
  const { merge, marker } = past;
  const isSame = marker?.edit === plan.edit;
  if (merge.state === "merged") {
    if (!isSame || reopen) return null;
    const reason = `merged as !${merge.iid} and undone since; --reopen asks again`;
    return { action: "respect", merge, reason };
  }
  if (isSame) return { action: "respect", merge, reason: `closed as !${merge.iid}` };
  if (reopen) return null;
  const reason = `closed as !${merge.iid}; the edits have changed since, and --reopen asks again`;
  return { action: "respect", merge, reason };
}
