import { BotError } from "../errors.ts";
import { GitLabError, isGitLabError } from "../gitlab/errors.ts";
import type { Project } from "../gitlab/schema.ts";
import { countLines } from "../render/change-size.ts";
import { count } from "../render/mr-title.ts";
import { act, type Done } from "./act.ts";
import { examine, type Examination, type Refusal } from "./examine.ts";
import { findConflicts, readLayerUse, type LayerUse } from "./layers.ts";
import { forEachOf } from "./pool.ts";
import type { ProjectResult, Status } from "./result.ts";
import { selectProjects, type Selected } from "./select.ts";
import type { Session } from "./session.ts";

/** Tells how a run goes on. */
export interface RunEvents {
  readonly result: (result: ProjectResult) => void;
  readonly progress: (examined: number, toDo: number) => void;
}

/** 6 projects at once; the connection's own limit on requests is above it. */
const WORKERS = 6;
/** 3 looks at a project: twice overtaken by somebody is once too often. */
const MAX_LOOKS = 3;

/** A project that something is to be done about; looked at again before it is done. */
interface Task {
  readonly project: Project;
  readonly kind: "project" | "runner-config";
  readonly opens: boolean;
  readonly result: ProjectResult;
}

interface State {
  readonly tasks: Task[];
  readonly uses: LayerUse[];
  /** Merge requests of the bot that are open, by the group they are in. */
  readonly openIn: Map<string, number>;
  examined: number;
}

/**
 * Onboards projects: looks at all of them first, and only then writes.
 *
 * What two repositories would do to each other shows only when both were seen. Between the two passes nothing is
 * kept of a project with nothing to do, and of the others no content.
 */
export async function onboard(session: Session, events: RunEvents): Promise<void> {
  const state: State = { tasks: [], uses: [], openIn: new Map(), examined: 0 };
  await forEachOf(selectProjects(session), WORKERS, async (selected) => {
    await look(session, selected, { state, events });
    state.examined += 1;
    events.progress(state.examined, state.tasks.length);
  });
  const conflicts = findConflicts(state.uses);
  const tasks = state.tasks.toSorted((a, b) => (a.project.path < b.project.path ? -1 : 1));
  let opened = 0;
  for (const task of tasks) {
    const { path } = task.project;
    const conflict = conflicts.get(path);
    const waiting = task.opens ? whyWait(session, { state, opened, path }) : null;
    if (conflict !== undefined) {
      events.result({ ...task.result, status: "conflict", reason: conflict });
    } else if (waiting !== null) {
      events.result({ ...task.result, status: "waiting", reason: waiting });
    } else {
      const result = session.options.dryRun ? task.result : await carryOut(session, task);
      events.result(result);
      if (result.status !== "opened" && result.status !== "would-open") continue;
      opened += 1;
      addTo(state.openIn, groupOf(path));
    }
  }
}

async function look(
  session: Session,
  selected: Selected,
  { state, events }: { state: State; events: RunEvents },
): Promise<void> {
  if (selected.kind === "skip") {
    events.result(bare(selected.path, "skipped", selected.reason));
    return;
  }
  if (selected.kind === "missing") {
    const reason = "does not exist, or the token's user may not see it";
    events.result(bare(selected.path, "failed", reason));
    return;
  }
  const { project, kind } = selected;
  try {
    const looked = await examine(session, project, kind);
    if ("status" in looked) {
      events.result(refused(project, looked));
      return;
    }
    for (const note of looked.notes) session.warn(`${project.path}: ${note}`);
    remember(session, looked, { kind, state, events });
  } catch (error) {
    events.result(failed(session, project, error));
  }
}

function remember(
  session: Session,
  looked: Examination,
  { kind, state, events }: { kind: Task["kind"]; state: State; events: RunEvents },
): void {
  const { decision, project } = looked;
  const use = readLayerUse(looked, kind);
  if (use.isMountUnknown) {
    session.warn(
      `${project.path} mounts a daemon.json that it does not hold: with registry-mirrors in it, a service with --registry-mirror would not start`,
    );
  }
  if (use.flag !== "none" || use.file !== "none") state.uses.push(use);
  if ("merge" in decision && decision.merge.state === "opened") {
    addTo(state.openIn, groupOf(project.path));
  }
  const outcome = PREVIEW[decision.action];
  const result = describeResult(session, looked, {
    status: outcome,
    reason: decision.reason,
    url: "merge" in decision ? decision.merge.webUrl : null,
  });
  // A hands-off is said once on the merge request: it may write, and so it is a task too.
  const isTask = outcome.startsWith("would-") || decision.action === "hands-off";
  if (!isTask) events.result(result);
  else state.tasks.push({ project, kind, opens: decision.action === "open", result });
}

/** What a decision comes to where nothing is written. */
const PREVIEW = {
  open: "would-open",
  refresh: "would-refresh",
  describe: "would-refresh",
  close: "would-close",
  "hands-off": "left-alone",
  "leave-alone": "left-alone",
  keep: "unchanged",
  respect: "declined",
  nothing: "nothing",
} as const satisfies Record<Examination["decision"]["action"], Status>;

function whyWait(
  { options }: Session,
  { state, opened, path }: { state: State; opened: number; path: string },
): string | null {
  if (opened >= options.limit) return `${options.limit} were opened in this run (--limit)`;
  const group = groupOf(path);
  if ((state.openIn.get(group) ?? 0) < options.groupLimit) return null;
  return `${options.groupLimit} are open in ${group} (--group-limit)`;
}

/** Looks again and acts; where somebody was faster, or nobody knows what a failed request did, looks once more. */
async function carryOut(session: Session, { project, kind }: Task): Promise<ProjectResult> {
  let attempted = false;
  for (let looks = 1; ; looks += 1) {
    try {
      const looked = await examine(session, project, kind);
      if ("status" in looked) return refused(project, looked);
      const done = await act(session, looked);
      if (done.status !== "again") return finished(session, looked, { done, attempted });
      if (looks === MAX_LOOKS) throw new BotError("somebody else changes the branch just now");
    } catch (error) {
      if (looks === MAX_LOOKS || !isWorthAnotherLook(error)) return failed(session, project, error);
      attempted ||= error instanceof GitLabError && error.effect === "unknown";
    }
  }
}

/** Nobody knows what it did, or a commit was refused because branch or file are not as they were read. */
function isWorthAnotherLook(error: unknown): boolean {
  if (!(error instanceof GitLabError)) return false;
  if (error.effect === "unknown") return true;
  return isGitLabError(error, 400) && /already exists|has changed since/i.test(error.detail);
}

function finished(
  session: Session,
  looked: Examination,
  { done, attempted }: { done: Exclude<Done, { status: "again" }>; attempted: boolean },
): ProjectResult {
  const { merge, reason } = done;
  // The request whose answer was lost did its work after all.
  const status = attempted && done.status === "unchanged" ? "opened" : done.status;
  return describeResult(session, looked, { status, reason, url: merge?.webUrl ?? null });
}

function describeResult(
  { options }: Session,
  { project, plan }: Examination,
  { status, reason, url }: { status: Status; reason: string; url: string | null },
): ProjectResult {
  const waits = plan.left.filter((left) => left.attention);
  return {
    project: project.path,
    status,
    reason: status === "nothing" ? whyNothing(plan) : reason,
    mergeRequest: url,
    files: plan.files.map((file) => ({
      path: file.path,
      lines: countLines([file]),
      content: options.dryRun ? { before: file.before, after: file.after } : null,
    })),
    left: waits.map(({ path, line, code, reason: why }) => ({ path, line, code, reason: why })),
  };
}

function whyNothing(plan: Examination["plan"]): string {
  const [first, ...more] = plan.left.filter((left) => left.attention);
  if (first) {
    const others = more.length === 0 ? "" : `; and ${count(more.length, "more place")}`;
    return `by hand: ${first.path}:${first.line}: ${first.reason}${others}`;
  }
  if (plan.left.some((left) => left.code === "already-mirrored")) return "has the mirror already";
  if (plan.examined === 0) return "has no file of the layers asked for";
  return "pulls nothing that could be redirected";
}

function bare(project: string, status: Status, reason: string): ProjectResult {
  return { project, status, reason, mergeRequest: null, files: [], left: [] };
}

function refused(project: Project, { status, reason }: Refusal): ProjectResult {
  return bare(project.path, status, reason);
}

/** One project's failure does not stop the rest; only the end of the whole run does. */
function failed(session: Session, project: Project, error: unknown): ProjectResult {
  if (session.signal?.aborted === true) throw error;
  if (error instanceof BotError) return bare(project.path, "failed", error.message);
  const words = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return bare(project.path, "failed", `unexpected: ${words}`);
}

function groupOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

function addTo(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
