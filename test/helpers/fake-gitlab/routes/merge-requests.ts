import { requireRole, visibleProject } from "../access.ts";
import {
  created,
  invalid,
  ok,
  optionalList,
  optionalText,
  paginate,
  refuse,
  requireText,
} from "../http.ts";
import type { Context, Reply, Route } from "../http.ts";
import { ROLE, type MergeRequest, type Project } from "../model.ts";
import { presentCommit, presentMergeRequest, presentPipeline } from "../present.ts";
import {
  actingUser,
  byIid,
  ensureLabels,
  filterIssuables,
  text,
  updateIssuable,
  usersOf,
} from "./issuables.ts";

const ONE = "/projects/:id/merge_requests/:iid";

/** Merge requests: list, show, create, update, merge, and their commits and pipelines. */
export const MERGE_REQUEST_ROUTES: readonly Route[] = [
  { method: "GET", path: "/projects/:id/merge_requests", anonymous: true, handle: list },
  { method: "POST", path: "/projects/:id/merge_requests", handle: create },
  {
    method: "GET",
    path: ONE,
    handle: (context) => {
      const project = mergeRequestProject(context);
      return ok(shown(context, project, find(context, project)));
    },
  },
  { method: "PUT", path: ONE, handle: update },
  {
    method: "GET",
    path: `${ONE}/commits`,
    handle: (context) => {
      const project = mergeRequestProject(context);
      const merge = find(context, project);
      const target = project.repository.branches.get(merge.targetBranch) ?? "";
      return paginate(context, project.repository.range(target, merge.sha), presentCommit);
    },
  },
  {
    method: "GET",
    path: `${ONE}/pipelines`,
    handle: (context) => {
      const project = mergeRequestProject(context);
      const { sha } = find(context, project);
      const pipelines = project.pipelines.filter((one) => one.sha === sha).toReversed();
      return paginate(context, pipelines, (one) =>
        presentPipeline(one, project, context.externalUrl),
      );
    },
  },
  {
    method: "PUT",
    path: `${ONE}/merge`,
    handle: (context) => {
      const project = mergeRequestProject(context);
      requireRole(context.world, context.actor, [project, ROLE.maintainer]);
      const merge = find(context, project);
      if (merge.state !== "opened") throw refuse(405, "405 Method Not Allowed");
      const sha = optionalText(context, "sha");
      if (sha !== undefined && sha !== merge.sha) {
        throw refuse(409, `SHA does not match HEAD of source branch: ${merge.sha}`);
      }
      context.world.merge(project, merge);
      return ok(shown(context, project, merge));
    },
  },
];

/** The project of the request, for one who may read its merge requests. */
export function mergeRequestProject(context: Context): Project {
  const project = visibleProject(context.world, context.actor, context.params["id"] ?? "");
  // Guests of private projects may not read merge requests (doc/user/permissions.md).
  if (project.visibility === "private") {
    requireRole(context.world, context.actor, [project, ROLE.reporter]);
  }
  if (project.mergeRequestsAccess === "disabled") throw refuse(403, "403 Forbidden");
  return project;
}

function find(context: Context, project: Project): MergeRequest {
  return byIid(project.mergeRequests, context.params["iid"]);
}

function shown(context: Context, project: Project, merge: MergeRequest) {
  return presentMergeRequest(merge, project, { url: context.externalUrl, full: true });
}

function list(context: Context): Reply {
  const project = mergeRequestProject(context);
  const source = context.query.get("source_branch");
  const target = context.query.get("target_branch");
  const from = context.query.get("source_project_id");
  const items = filterIssuables(context, project.mergeRequests).filter(
    (merge) =>
      (source === null || merge.sourceBranch === source) &&
      (target === null || merge.targetBranch === target) &&
      (from === null || String(merge.sourceProjectId) === from),
  );
  return paginate(context, items, (merge) =>
    presentMergeRequest(merge, project, { url: context.externalUrl, full: false }),
  );
}

function create(context: Context): Reply {
  const { world } = context;
  const source = mergeRequestProject(context);
  const title = requireText(context, "title");
  const sourceBranch = requireText(context, "source_branch");
  const targetBranch = requireText(context, "target_branch");
  const author = actingUser(context);
  requireRole(world, context.actor, [source, ROLE.developer]);
  const targetId = context.body["target_project_id"];
  const project = typeof targetId === "number" ? world.findProject(String(targetId)) : source;
  if (!project) throw refuse(404, "404 Project Not Found");
  const sha = source.repository.branches.get(sourceBranch);
  if (sha === undefined) {
    throw refuse(400, { source_branch: [`"${sourceBranch}" does not exist`] });
  }
  if (!project.repository.branches.has(targetBranch)) {
    throw refuse(400, { target_branch: [`"${targetBranch}" does not exist`] });
  }
  if (source.id === project.id && sourceBranch === targetBranch) {
    throw refuse(422, ["You can't use same project/branch for source and target"]);
  }
  refuseTwin(project, { sourceBranch, targetBranch, sourceProjectId: source.id });
  const description = text(context, "description") ?? "";
  const labels = optionalList(context, "labels") ?? [];
  ensureLabels(context, project, labels);
  const at = world.now();
  const merge: MergeRequest = {
    id: world.nextId(),
    iid: project.mergeRequests.length + 1,
    author,
    title,
    description,
    labels,
    sourceBranch,
    targetBranch,
    sha,
    sourceProjectId: source.id,
    state: "opened",
    createdAt: at,
    updatedAt: at,
    closedAt: null,
    mergedAt: null,
    mergeCommitSha: null,
    notes: [],
    assignees: usersOf(context, "assignee_ids") ?? [],
    reviewers: usersOf(context, "reviewer_ids") ?? [],
    removeSourceBranch: context.body["remove_source_branch"] === true,
    squash: context.body["squash"] === true,
  };
  world.readText(`description of ${merge.iid}`, description);
  project.mergeRequests.push(merge);
  return created(shown(context, project, merge));
}

/** One open merge request per source and target branch: 409 (MergeRequest#validate_branches). */
function refuseTwin(
  project: Project,
  wanted: Pick<MergeRequest, "sourceBranch" | "targetBranch" | "sourceProjectId">,
): void {
  const twin = project.mergeRequests.find(
    (one) =>
      one.state === "opened" &&
      one.sourceBranch === wanted.sourceBranch &&
      one.targetBranch === wanted.targetBranch &&
      one.sourceProjectId === wanted.sourceProjectId,
  );
  if (!twin) return;
  const message = `Another open merge request already exists for this source branch: !${twin.iid}`;
  throw refuse(409, [message]);
}

function update(context: Context): Reply {
  const { world } = context;
  const project = mergeRequestProject(context);
  const merge = find(context, project);
  const user = actingUser(context);
  if (merge.author.id !== user.id) requireRole(world, context.actor, [project, ROLE.developer]);
  if (!updateIssuable(context, project, merge)) {
    throw invalid(
      "title, target_branch, description, state_event are missing, at least one parameter must be provided",
    );
  }
  const reviewers = usersOf(context, "reviewer_ids");
  if (reviewers) merge.reviewers = reviewers;
  const target = optionalText(context, "target_branch");
  if (target !== undefined) merge.targetBranch = target;
  const event = optionalText(context, "state_event");
  if (event !== undefined && event !== "close" && event !== "reopen") {
    throw invalid("state_event does not have a valid value");
  }
  if (event === "close" && merge.state === "opened") world.close(merge);
  if (event === "reopen" && merge.state === "closed") {
    refuseTwin(project, merge);
    merge.state = "opened";
    merge.closedAt = null;
    world.refresh(project, merge.sourceBranch);
  }
  return ok(shown(context, project, merge));
}
