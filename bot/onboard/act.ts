import {
  addNote,
  editMergeRequest,
  lintCommit,
  lintContent,
  listNotes,
  openMergeRequest,
} from "../gitlab/merge-requests.ts";
import { createCommit, findBranch } from "../gitlab/repository.ts";
import type { Commit, LintResult, MergeRequest } from "../gitlab/schema.ts";
import { BRANCH_NAME } from "../render/branch-name.ts";
import { countLines } from "../render/change-size.ts";
import { digestFiles } from "../render/edit-digest.ts";
import { hasNoteMarker, type BranchMarker, type NoteTopic } from "../render/marker.ts";
import {
  formatBody,
  formatForeignNote,
  formatObsoleteNote,
  replaceMarker,
} from "../render/mr-body.ts";
import { formatCommitMessage, formatTitle, updateTitle } from "../render/mr-title.ts";
import { proveOwn } from "./branch.ts";
import type { Decision } from "./decide.ts";
import type { Examination } from "./examine.ts";
import type { Status } from "./result.ts";
import { findUserIds, type Session } from "./session.ts";

/** What acting came to. `again` asks for the project to be looked at anew: somebody was faster. */
export type Done =
  | { readonly status: Status; readonly reason: string; readonly merge: MergeRequest | null }
  | { readonly status: "again" };

type Doing<Action extends Decision["action"]> = Extract<Decision, { action: Action }>;

/** Carries a decision out. Everything that writes to GitLab starts here. */
// oxlint-disable-next-line typescript/consistent-return -- the switch is exhaustive, which the type of the answer proves
export async function act(session: Session, looked: Examination): Promise<Done> {
  const { decision } = looked;
  switch (decision.action) {
    case "open":
      return open(session, looked);
    case "refresh":
      return refresh(session, looked, decision);
    case "describe":
      return describe(session, looked, decision);
    case "close":
      return close(session, looked, decision);
    case "hands-off":
      return handsOff(session, looked, decision);
    case "leave-alone":
      return { status: "left-alone", reason: decision.reason, merge: decision.merge };
    case "keep":
      return { status: "unchanged", reason: decision.reason, merge: decision.merge };
    case "respect":
      return { status: "declined", reason: decision.reason, merge: decision.merge };
    case "nothing":
      return { status: "nothing", reason: decision.reason, merge: null };
  }
}

async function open(session: Session, looked: Examination): Promise<Done> {
  const { api } = session;
  const { project, past, edit, wishes } = looked;
  const found = await findBranch(api, project.id, BRANCH_NAME);
  const isPast = found !== null && past?.marker?.head === found.sha;
  const own = found === null || isPast ? null : await proveOwn(api, project.id, found);
  if (found !== null && !isPast && own === null) {
    const reason = `the branch ${BRANCH_NAME} is there, with commits that are not the bot's`;
    return { status: "left-alone", reason, merge: null };
  }
  const refusal = await lintBefore(session, looked);
  if (refusal !== null) return refusal;
  const reviewerIds = await findUserIds(session, wishes.reviewers);
  const assigneeIds = await findUserIds(session, wishes.assignees);
  const isReady =
    found !== null && own !== null && own.edit === edit && own.base === looked.files.base;
  const made = isReady
    ? { head: found, marker: own }
    : await commit(session, looked, { force: found !== null });
  const objection = await lintAfter(session, looked, made.head);
  if (objection !== null) return objection;
  const merge = await openMergeRequest(api, project.id, {
    sourceBranch: BRANCH_NAME,
    targetBranch: looked.defaultBranch,
    title: formatTitle({
      mirror: session.options.mirror,
      prefix: wishes.commitPrefix,
      draft: wishes.draft,
    }),
    description: body(session, looked, { made }),
    labels: wishes.labels,
    reviewerIds,
    assigneeIds,
  });
  if (merge === null) return { status: "again" };
  const reason = past === null ? "asked for the first time" : "asked again";
  return { status: "opened", reason, merge };
}

async function refresh(
  session: Session,
  looked: Examination,
  { merge, reason }: Doing<"refresh">,
): Promise<Done> {
  const refusal = await lintBefore(session, looked);
  if (refusal !== null) return { ...refusal, merge };
  // Looked at once more, just before it is overwritten: GitLab has no "only if the head is still this one".
  const head = await findBranch(session.api, looked.project.id, BRANCH_NAME);
  if (head !== null && head.sha !== merge.sha) return { status: "again" };
  const made = await commit(session, looked, { force: head !== null });
  const objection = await lintAfter(session, looked, made.head);
  if (objection !== null) return { ...objection, merge };
  return describeWith(session, looked, { merge, made, reason });
}

async function describe(
  session: Session,
  looked: Examination,
  { merge, reason }: Doing<"describe">,
): Promise<Done> {
  const head = await findBranch(session.api, looked.project.id, BRANCH_NAME);
  const marker = head === null ? null : await proveOwn(session.api, looked.project.id, head);
  if (head === null || marker === null) return { status: "again" };
  return describeWith(session, looked, { merge, made: { head, marker }, reason });
}

interface Made {
  readonly head: Commit;
  readonly marker: BranchMarker;
}

async function describeWith(
  session: Session,
  looked: Examination,
  { merge, made, reason }: { merge: MergeRequest; made: Made; reason: string },
): Promise<Done> {
  const place = { projectId: looked.project.id, iid: merge.iid };
  const title = updateTitle(merge.title, session.options.mirror);
  const edited = await editMergeRequest(session.api, place, {
    description: body(session, looked, { made, previous: merge.description }),
    ...(title === merge.title ? {} : { title }),
  });
  return { status: "refreshed", reason, merge: edited };
}

async function close(
  { api }: Session,
  looked: Examination,
  { merge, marker, reason }: Doing<"close">,
): Promise<Done> {
  const place = { projectId: looked.project.id, iid: merge.iid };
  await sayOnce(api, place, ["obsolete", formatObsoleteNote(looked.defaultBranch)]);
  // The marker tells a later run that this was no answer of the team's.
  const description = replaceMarker(merge.description, { ...marker, closed: "obsolete" });
  const edited = await editMergeRequest(api, place, { description, stateEvent: "close" });
  return { status: "closed", reason, merge: edited };
}

async function handsOff(
  { api }: Session,
  looked: Examination,
  { merge, reason }: Doing<"hands-off">,
): Promise<Done> {
  const place = { projectId: looked.project.id, iid: merge.iid };
  await sayOnce(api, place, ["foreign-head", formatForeignNote(merge.sha ?? "")]);
  return { status: "left-alone", reason, merge };
}

async function sayOnce(
  api: Session["api"],
  place: { projectId: number; iid: number },
  [topic, text]: [NoteTopic, string],
): Promise<void> {
  const notes = await listNotes(api, place);
  if (notes.some((note) => hasNoteMarker(note.body, topic))) return;
  await addNote(api, place, text);
}

async function commit(
  { api, options }: Session,
  looked: Examination,
  { force }: { force: boolean },
): Promise<Made> {
  const { project, plan, files, edit, wishes } = looked;
  const after = plan.files.map(({ path, after: text }) => ({ path, text }));
  const base = files.base ?? "";
  const marker: BranchMarker = { v: 1, edit, files: digestFiles(after), base };
  const head = await createCommit(api, project.id, {
    branch: BRANCH_NAME,
    base,
    force,
    message: formatCommitMessage({
      mirror: options.mirror,
      prefix: wishes.commitPrefix,
      marker,
      lines: countLines(plan.files),
      files: plan.files.length,
    }),
    files: after.map(({ path, text }) => ({
      path,
      content: text,
      lastCommitId: files.opened.get(path)?.lastCommitId ?? base,
    })),
  });
  return { head, marker };
}

function body(
  session: Session,
  looked: Examination,
  { made, previous = "" }: { made: Made; previous?: string },
): string {
  const { plan, defaultBranch: targetBranch } = looked;
  const marker = { ...made.marker, head: made.head.sha };
  const { mirror } = session.options;
  const lines = countLines(plan.files);
  return formatBody({ plan, mirror, marker, targetBranch, lines }, previous);
}

/** The project's main CI file, as it would be, is shown to GitLab's linter before anything is written. */
async function lintBefore(
  { api }: Session,
  { plan, project, ciConfigPath }: Examination,
): Promise<Exclude<Done, { status: "again" }> | null> {
  const main = plan.files.find(({ path }) => path === ciConfigPath);
  if (!main) return null;
  return judged(await lintContent(api, project.id, main.after));
}

/** Files that it includes are linted where they are: the linter takes includes from a commit only. */
async function lintAfter(
  { api }: Session,
  { plan, project, ciConfigPath }: Examination,
  head: Commit,
): Promise<Exclude<Done, { status: "again" }> | null> {
  const isIncluded = plan.files.some(
    ({ path, kind }) => kind === "gitlab-ci" && path !== ciConfigPath,
  );
  if (!isIncluded) return null;
  return judged(await lintCommit(api, project.id, head.sha));
}

function judged({ valid, errors }: LintResult): Exclude<Done, { status: "again" }> | null {
  if (valid) return null;
  const words = errors.length === 0 ? "without a reason" : errors.slice(0, 3).join("; ");
  const reason = `GitLab's CI lint does not accept the result: ${words}`;
  return { status: "rejected", reason, merge: null };
}
