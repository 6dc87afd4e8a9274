import { createHash } from "node:crypto";
import { requireCode, requireRole, visibleProject } from "../access.ts";
import type { Commit } from "../git.ts";
import {
  created,
  flag,
  forbidden,
  invalid,
  notFound,
  ok,
  paginate,
  paginateByKey,
  requireText,
} from "../http.ts";
import type { Context, Reply, Route } from "../http.ts";
import { ROLE, type Project } from "../model.ts";
import { presentCommit } from "../present.ts";

/** Reading a repository: tree, files, branches, comparisons. */
export const REPOSITORY_ROUTES: readonly Route[] = [
  { method: "GET", path: "/projects/:id/repository/tree", anonymous: true, handle: tree },
  file("/projects/:id/repository/files/:path", fileJson),
  file("/projects/:id/repository/files/:path/raw", fileRaw),
  { method: "GET", path: "/projects/:id/repository/branches", handle: listBranches },
  { method: "GET", path: "/projects/:id/repository/branches/:branch", handle: showBranch },
  { method: "POST", path: "/projects/:id/repository/branches", handle: createBranch },
  { method: "DELETE", path: "/projects/:id/repository/branches/:branch", handle: deleteBranch },
  { method: "GET", path: "/projects/:id/repository/compare", handle: compare },
];

/** The project of the request, for one who may read its code. */
export function codeProject(context: Context): Project {
  const project = visibleProject(context.world, context.actor, context.params["id"] ?? "");
  requireCode(context.world, context.actor, project);
  return project;
}

function file(path: string, handle: Route["handle"]): Route {
  return { method: "GET", path, scopes: ["api", "read_api", "read_repository"], handle };
}

function tree(context: Context): Reply {
  const project = codeProject(context);
  const ref = context.query.get("ref") ?? project.defaultBranch;
  const commit = project.repository.resolve(ref);
  // "404 Tree Not Found": what an empty repository answers (lib/api/repositories.rb).
  if (!commit) throw notFound("Tree");
  const under = context.query.get("path")?.replace(/\/$/, "") ?? "";
  const entries = listTree(commit, under, flag(context, "recursive") ?? false);
  if (under !== "" && entries.length === 0) throw notFound("invalid revision or path");
  if (context.query.get("pagination") === "keyset") {
    const key = (entry: TreeEntry) => createHash("sha1").update(entry.path).digest("hex");
    return paginateByKey(context, entries, { cursor: "page_token", key, present: (it) => it });
  }
  return paginate(context, entries, (entry) => entry);
}

interface TreeEntry {
  readonly id: string;
  readonly name: string;
  readonly type: "tree" | "blob";
  readonly path: string;
  readonly mode: string;
}

/** Folders first, then files, each by name: the order GitLab shows. */
function listTree(commit: Commit, under: string, recursive: boolean): TreeEntry[] {
  const entries = new Map<string, TreeEntry>();
  const prefix = under === "" ? "" : `${under}/`;
  for (const [path, blob] of commit.files) {
    if (!path.startsWith(prefix)) continue;
    const parts = path.slice(prefix.length).split("/");
    const folders = recursive ? parts.length - 1 : Math.min(parts.length - 1, 1);
    for (let depth = 1; depth <= folders; depth += 1) {
      const folder = prefix + parts.slice(0, depth).join("/");
      const id = createHash("sha1").update(folder).digest("hex");
      entries.set(folder, {
        id,
        name: parts[depth - 1] ?? "",
        type: "tree",
        path: folder,
        mode: "040000",
      });
    }
    if (!recursive && parts.length > 1) continue;
    const mode = blob.executable ? "100755" : "100644";
    entries.set(path, { id: blob.sha, name: parts.at(-1) ?? "", type: "blob", path, mode });
  }
  const rank = (entry: TreeEntry) => (entry.type === "tree" ? 0 : 1);
  return [...entries.values()].toSorted(
    (a, b) => rank(a) - rank(b) || (a.path < b.path ? -1 : Number(a.path > b.path)),
  );
}

function locate(context: Context, ref: string) {
  const project = codeProject(context);
  const path = context.params["path"] ?? "";
  const commit = project.repository.resolve(ref === "HEAD" ? project.defaultBranch : ref);
  if (!commit) throw notFound("Commit");
  const blob = commit.files.get(path);
  if (!blob) throw notFound("File");
  return { project, path, commit, blob };
}

function fileJson(context: Context): Reply {
  const ref = context.query.get("ref");
  if (ref === null) throw invalid("ref is missing");
  if (ref === "") throw invalid("ref is empty");
  const { project, path, commit, blob } = locate(context, ref);
  return ok({
    file_name: path.split("/").at(-1),
    file_path: path,
    size: blob.content.length,
    encoding: "base64",
    content_sha256: createHash("sha256").update(blob.content).digest("hex"),
    ref,
    blob_id: blob.sha,
    commit_id: commit.sha,
    last_commit_id: project.repository.lastCommitFor(commit.sha, path)?.sha,
    execute_filemode: blob.executable,
    content: blob.content.toString("base64"),
  });
}

function fileRaw(context: Context): Reply {
  const { blob } = locate(context, context.query.get("ref") ?? "HEAD");
  return { status: 200, text: blob.content };
}

function presentBranch(project: Project, name: string, url: string) {
  const commit = project.repository.resolve(name);
  return {
    name,
    merged: false,
    protected: project.protectedBranches.has(name),
    default: name === project.defaultBranch,
    can_push: true,
    web_url: `${url}/${project.path}/-/tree/${name}`,
    commit: commit ? presentCommit(commit) : null,
  };
}

function listBranches(context: Context): Reply {
  const project = codeProject(context);
  const search = context.query.get("search") ?? "";
  const names = [...project.repository.branches.keys()].filter((name) => name.includes(search));
  return paginate(context, names.toSorted(), (name) =>
    presentBranch(project, name, context.externalUrl),
  );
}

function namedBranch(context: Context, project: Project): string {
  const name = context.params["branch"] ?? "";
  if (!project.repository.branches.has(name)) throw notFound("Branch");
  return name;
}

function showBranch(context: Context): Reply {
  const project = codeProject(context);
  return ok(presentBranch(project, namedBranch(context, project), context.externalUrl));
}

function createBranch(context: Context): Reply {
  const project = codeProject(context);
  requireRole(context.world, context.actor, [project, ROLE.developer]);
  const name = requireText(context, "branch");
  const start = project.repository.resolve(requireText(context, "ref"));
  if (project.repository.branches.has(name)) throw invalidRequest("Branch already exists");
  if (!start) throw invalidRequest("Invalid reference name: " + requireText(context, "ref"));
  project.repository.branches.set(name, start.sha);
  return created(presentBranch(project, name, context.externalUrl));
}

function invalidRequest(message: string): Error {
  return Object.assign(invalid(message), { body: { message } });
}

function deleteBranch(context: Context): Reply {
  const project = codeProject(context);
  requireRole(context.world, context.actor, [project, ROLE.developer]);
  const name = namedBranch(context, project);
  if (project.protectedBranches.has(name)) throw forbidden("Protected branch");
  context.world.deleteBranch(project, name);
  return { status: 204 };
}

function compare(context: Context): Reply {
  const project = codeProject(context);
  const [from, to] = [context.query.get("from"), context.query.get("to")];
  if (!from || !to) throw invalid("from is missing, to is missing");
  const { repository } = project;
  const [a, b] = [repository.resolve(from), repository.resolve(to)];
  if (!a || !b) throw notFound("Ref");
  // Without `straight` the comparison starts at the merge base, as `git diff a...b` does.
  const base = flag(context, "straight") === true ? a : (repository.mergeBase(a.sha, b.sha) ?? a);
  return ok({
    commit: presentCommit(b),
    commits: repository.range(a.sha, b.sha).toReversed().map(presentCommit),
    diffs: repository.changedPaths(base.sha, b.sha).map((path) => ({
      old_path: path,
      new_path: path,
      new_file: !base.files.has(path),
      deleted_file: !b.files.has(path),
      renamed_file: false,
      diff: "",
    })),
    compare_timeout: false,
    compare_same_ref: a.sha === b.sha,
  });
}
