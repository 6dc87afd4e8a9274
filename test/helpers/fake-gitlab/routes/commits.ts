import { requireRole } from "../access.ts";
import type { Change, Commit, Repository } from "../git.ts";
import {
  created,
  forbidden,
  invalid,
  notFound,
  ok,
  optionalText,
  paginate,
  refuse,
  requireText,
} from "../http.ts";
import type { Context, Reply, Route } from "../http.ts";
import { ROLE, type Project } from "../model.ts";
import { presentCommit, presentStatus } from "../present.ts";
import { codeProject } from "./repository.ts";

/** Commits, and the statuses integrations put on them. */
export const COMMIT_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/projects/:id/repository/commits",
    handle: (context) => {
      const project = codeProject(context);
      const { repository } = project;
      const name = context.query.get("ref_name") ?? project.defaultBranch;
      const [from, to] = name.includes("..") ? name.split("..") : [undefined, name];
      const head = repository.resolve(to ?? "");
      const base = from === undefined ? null : repository.resolve(from);
      if (!head) throw notFound("Commit");
      const commits = base ? repository.range(base.sha, head.sha) : [...repository.log(head.sha)];
      return paginate(context, commits, presentCommit);
    },
  },
  {
    method: "GET",
    path: "/projects/:id/repository/commits/:sha",
    handle: (context) => {
      const commit = codeProject(context).repository.resolve(context.params["sha"] ?? "");
      if (!commit) throw notFound("Commit");
      return ok({ ...presentCommit(commit), stats: {}, status: null });
    },
  },
  { method: "POST", path: "/projects/:id/repository/commits", handle: createCommit },
  { method: "POST", path: "/projects/:id/statuses/:sha", handle: createStatus },
  {
    method: "GET",
    path: "/projects/:id/repository/commits/:sha/statuses",
    handle: (context) => {
      const project = codeProject(context);
      const sha = context.params["sha"];
      return paginate(
        context,
        project.statuses.filter((one) => one.sha === sha),
        presentStatus,
      );
    },
  },
];

/**
 * One commit of many actions: the rules of Commits::CreateService and Files::MultiService, in their order.
 *
 * All refusals but the role's are 400 with a plain message, and nothing of a refused commit stays.
 */
function createCommit(context: Context): Reply {
  const project = codeProject(context);
  const branch = requireText(context, "branch");
  const message = requireText(context, "commit_message");
  const { actions } = context.body;
  if (!Array.isArray(actions)) throw invalid("actions is missing");
  // `authorize_push_to_branch!` comes before everything else (lib/api/commits.rb).
  requireRole(context.world, context.actor, [project, ROLE.developer]);
  if (project.protectedBranches.has(branch)) {
    requireRole(context.world, context.actor, [project, ROLE.maintainer]);
  }
  if (project.archived) throw forbidden();
  const parent = startOf(context, project, branch);
  const changes = actions.map((action: unknown) => toChange(action, project, parent));
  const user = context.actor.user ?? { name: "", email: "" };
  const commit = project.repository.commit({
    branch,
    message,
    parent: parent?.sha ?? null,
    changes,
    at: context.world.now(),
    author: {
      name: optionalText(context, "author_name") ?? user.name,
      email: optionalText(context, "author_email") ?? user.email,
    },
  });
  context.world.refresh(project, branch);
  return created({ ...presentCommit(commit), stats: {} });
}

function startOf(context: Context, project: Project, branch: string): Commit | null {
  const { repository } = project;
  const empty = repository.commits.size === 0;
  const sha = optionalText(context, "start_sha");
  const named = optionalText(context, "start_branch");
  if (sha !== undefined) {
    if (named !== undefined) throw refuse(400, "You can't pass both start_branch and start_sha");
    if (!/^[0-9a-f]{40}$/.test(sha)) throw refuse(400, `Invalid start_sha '${sha}'`);
    if (!repository.commits.has(sha)) throw refuse(400, `Cannot find start_sha '${sha}'`);
  }
  const start = sha === undefined ? (named ?? branch) : undefined;
  if (start !== undefined && !empty && !repository.branches.has(start)) {
    throw refuse(400, "You can only create or edit files when you are on a branch");
  }
  const different = sha !== undefined || start !== branch;
  const force = context.body["force"] === true;
  if (!empty && different && repository.branches.has(branch) && !force) {
    throw refuse(
      400,
      `A branch called '${branch}' already exists. Switch to that branch in order to make changes`,
    );
  }
  if (!/^(?!\/)(?!.*(?:\.\.|\/\/|[\s~^:?*[\\]))[^-].*(?<!\.lock)(?<![/.])$/.test(branch)) {
    throw refuse(
      400,
      `Something went wrong when we tried to create '${branch}' for you: Branch name is invalid`,
    );
  }
  return repository.resolve(sha ?? start ?? branch);
}

function toChange(action: unknown, project: Project, parent: Commit | null): Change {
  if (typeof action !== "object" || action === null) throw invalid("actions is invalid");
  const {
    action: kind,
    file_path: path,
    content,
    encoding,
    last_commit_id: last,
    execute_filemode,
  } = action as Record<string, unknown>;
  if (typeof path !== "string" || path === "") throw refuse(400, "You must specify a file_path.");
  if (path.startsWith("/") || path.split("/").includes("..")) {
    throw refuse(400, "Your changes could not be committed, because the file name can't be a path");
  }
  const existing = parent?.files.get(path);
  if (kind !== "create" && !existing) throw refuse(400, `A file with this name doesn't exist`);
  if (kind === "create" && existing) throw refuse(400, "A file with this name already exists");
  if (kind === "update" || kind === "delete") guard(project.repository, [project, path, last]);
  if (kind === "delete") return [path, null];
  if (kind !== "create" && kind !== "update") {
    throw refuse(400, `Unknown action '${String(kind)}'`);
  }
  if (content !== undefined && typeof content !== "string") throw invalid("content is invalid");
  const bytes = Buffer.from(content ?? "", encoding === "base64" ? "base64" : "utf8");
  return [path, bytes, typeof execute_filemode === "boolean" ? execute_filemode : undefined];
}

/**
 * `last_commit_id`: the file's last commit on the branch started from must be the one seen from the id given.
 *
 * With `start_sha` there is no start branch, and the question goes to the default branch
 * (Files::BaseService#file_has_changed?, whose nil ref is Gitaly's default branch).
 */
function guard(repository: Repository, [project, path, last]: [Project, string, unknown]): void {
  if (typeof last !== "string") return;
  const head = repository.branches.get(project.defaultBranch);
  const now = head === undefined ? null : repository.lastCommitFor(head, path);
  const then = repository.commits.has(last) ? repository.lastCommitFor(last, path) : null;
  if (now && then && now.sha !== then.sha) {
    throw refuse(
      400,
      `You are attempting to update a file that has changed since you started editing it.`,
    );
  }
}

/** Statuses: states of lib/api/commit_statuses.rb; without `pipeline_id` a pipeline of their own is begun. */
function createStatus(context: Context): Reply {
  const project = codeProject(context);
  requireRole(context.world, context.actor, [project, ROLE.developer]);
  const sha = context.params["sha"] ?? "";
  const commit = project.repository.commits.get(sha);
  if (!commit) throw notFound("Commit");
  const state = requireText(context, "state");
  if (!["pending", "running", "success", "failed", "canceled", "skipped"].includes(state)) {
    throw invalid("state does not have a valid value");
  }
  const asked = context.body["pipeline_id"];
  const given = project.pipelines.find((one) => one.id === asked && one.sha === sha);
  if (asked !== undefined && !given) throw notFound("Pipeline");
  const pipeline = given ?? context.world.addPipeline(project, { sha, source: "external" });
  const name = optionalText(context, "name") ?? optionalText(context, "context") ?? "default";
  const known = project.statuses.find(
    (one) => one.sha === sha && one.name === name && one.pipelineId === pipeline.id,
  );
  if (known && known.state === state) {
    // The state machine refuses a step to where it stands (renovate's issue on `:enqueue from :pending`).
    throw refuse(400, `Cannot transition status via :${state} from :${state}`);
  }
  const { user } = context.actor;
  if (!user) throw refuse(401, "401 Unauthorized");
  const coverage = context.body["coverage"];
  const fields = {
    state,
    description: optionalText(context, "description") ?? null,
    targetUrl: optionalText(context, "target_url") ?? null,
    coverage: typeof coverage === "number" ? coverage : null,
  };
  if (known) return created(presentStatus(Object.assign(known, fields)));
  const status = {
    id: context.world.nextId(),
    sha,
    name,
    pipelineId: pipeline.id,
    author: user,
    ...fields,
  };
  project.statuses.push(status);
  return created(presentStatus(status));
}
