import { requireRole, visibleProject } from "../access.ts";
import {
  created,
  flag,
  invalid,
  ok,
  optionalList,
  optionalText,
  paginate,
  refuse,
  requireText,
} from "../http.ts";
import type { Context, Reply, Route } from "../http.ts";
import { ROLE, type Issue, type Label, type Project } from "../model.ts";
import { presentIssue, presentLabel } from "../present.ts";
import {
  actingUser,
  byIid,
  ensureLabels,
  filterIssuables,
  text,
  updateIssuable,
  usersOf,
} from "./issuables.ts";

/** Issues and labels. */
export const ISSUE_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/projects/:id/issues",
    handle: (context) => {
      const project = issueProject(context);
      return paginate(context, filterIssuables(context, project.issues), (issue) =>
        presentIssue(issue, project, context.externalUrl),
      );
    },
  },
  { method: "POST", path: "/projects/:id/issues", handle: createIssue },
  {
    method: "GET",
    path: "/projects/:id/issues/:iid",
    handle: (context) => {
      const project = issueProject(context);
      const issue = byIid(project.issues, context.params["iid"]);
      return ok(presentIssue(issue, project, context.externalUrl));
    },
  },
  { method: "PUT", path: "/projects/:id/issues/:iid", handle: updateIssue },
  {
    method: "GET",
    path: "/projects/:id/labels",
    handle: (context) => {
      const project = issueProject(context);
      const search = context.query.get("search") ?? "";
      const labels = project.labels.filter((label) => label.name.includes(search));
      const counts = flag(context, "with_counts") === true ? { open_issues_count: 0 } : {};
      return paginate(context, labels, (label: Label) => ({ ...presentLabel(label), ...counts }));
    },
  },
  { method: "POST", path: "/projects/:id/labels", handle: createLabel },
];

function issueProject(context: Context): Project {
  const project = visibleProject(context.world, context.actor, context.params["id"] ?? "");
  if (project.issuesAccess === "disabled") throw refuse(403, "403 Forbidden");
  return project;
}

function createIssue(context: Context): Reply {
  const { world } = context;
  const project = issueProject(context);
  const author = actingUser(context);
  requireRole(world, context.actor, [project, ROLE.guest]);
  const title = requireText(context, "title");
  const description = text(context, "description") ?? "";
  const labels = optionalList(context, "labels") ?? [];
  ensureLabels(context, project, labels);
  world.readText(`description of issue`, description);
  const at = world.now();
  const issue: Issue = {
    id: world.nextId(),
    iid: project.issues.length + 1,
    title,
    description,
    labels,
    author,
    assignees: usersOf(context, "assignee_ids") ?? [],
    state: "opened",
    createdAt: at,
    updatedAt: at,
    closedAt: null,
    notes: [],
  };
  project.issues.push(issue);
  return created(presentIssue(issue, project, context.externalUrl));
}

function updateIssue(context: Context): Reply {
  const project = issueProject(context);
  const issue = byIid(project.issues, context.params["iid"]);
  if (issue.author.id !== actingUser(context).id) {
    requireRole(context.world, context.actor, [project, ROLE.planner]);
  }
  if (!updateIssuable(context, project, issue)) {
    throw invalid(
      "title, description, state_event are missing, at least one parameter must be provided",
    );
  }
  const event = optionalText(context, "state_event");
  if (event !== undefined && event !== "close" && event !== "reopen") {
    throw invalid("state_event does not have a valid value");
  }
  if (event !== undefined) {
    issue.state = event === "close" ? "closed" : "opened";
    issue.closedAt = event === "close" ? context.world.now() : null;
  }
  return ok(presentIssue(issue, project, context.externalUrl));
}

function createLabel(context: Context): Reply {
  const project = issueProject(context);
  requireRole(context.world, context.actor, [project, ROLE.planner]);
  const name = requireText(context, "name");
  const color = requireText(context, "color");
  // `conflict!('Label already exists')` (lib/api/helpers/label_helpers.rb).
  if (project.labels.some((label) => label.name === name))
    throw refuse(409, "Label already exists");
  const description = optionalText(context, "description") ?? null;
  const label = { id: context.world.nextId(), name, color, description };
  project.labels.push(label);
  return created(presentLabel(label));
}
