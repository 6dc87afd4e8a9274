import { invalid, notFound, optionalList, optionalText, refuse, type Context } from "../http.ts";
import type { Issuable, Issue, Project, User } from "../model.ts";

/** 1,048,576 characters: `Issuable` description and `Note` body stop there. */
const MAX_TEXT = 1_048_576;

/** The acting user; nobody is told to sign in. */
export function actingUser(context: Context): User {
  if (!context.actor.user) throw refuse(401, "401 Unauthorized");
  return context.actor.user;
}

/** A text of the body, within GitLab's limit and without the NUL bytes PostgreSQL refuses. */
export function text(context: Context, name: string): string | undefined {
  const value = optionalText(context, name);
  if (value?.includes("\0")) throw invalid(`${name} is invalid`);
  if (value !== undefined && value.length > MAX_TEXT) {
    throw refuse(400, { [name]: [`is too long (maximum is ${MAX_TEXT} characters)`] });
  }
  return value;
}

/** Users by number; numbers nobody has are dropped, as GitLab drops them. */
export function usersOf(context: Context, name: string): User[] | undefined {
  const value = context.body[name];
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw invalid(`${name} is invalid`);
  return context.world.users.filter((user) => value.includes(user.id));
}

/** Finds by `iid` in a list; `404 Not Found` where there is none. */
export function byIid<Item extends Issuable>(
  items: readonly Item[],
  iid: string | undefined,
): Item {
  const item = items.find((one) => String(one.iid) === iid);
  if (!item) throw notFound();
  return item;
}

/** Applies what merge requests and issues have in common on update; says whether anything was asked. */
export function updateIssuable(context: Context, project: Project, item: Issuable): boolean {
  const before = Object.keys(context.body).filter((key) => key !== "id").length;
  const title = text(context, "title");
  if (title === "") throw invalid("title is empty");
  if (title !== undefined) item.title = title;
  const description = text(context, "description");
  if (description !== undefined) {
    context.world.readText(`description of ${item.iid}`, description);
    item.description = description;
  }
  const labels = optionalList(context, "labels");
  if (labels) item.labels = labels;
  const added = optionalList(context, "add_labels") ?? [];
  const removed = optionalList(context, "remove_labels") ?? [];
  item.labels = [...new Set([...item.labels, ...added])].filter((name) => !removed.includes(name));
  ensureLabels(context, project, item.labels);
  const assignees = usersOf(context, "assignee_ids");
  if (assignees) item.assignees = assignees;
  item.updatedAt = context.world.now();
  return before > 0;
}

/** Labels named on an issue or merge request come into being (Issuable's LabelsFinder with `create`). */
export function ensureLabels(context: Context, project: Project, names: readonly string[]): void {
  for (const name of names) {
    if (project.labels.some((label) => label.name === name)) continue;
    project.labels.push({ id: context.world.nextId(), name, color: "#6699cc", description: null });
  }
}

/** Filters by `state`, `labels`, `author_id`, `scope`, as both finders do. */
export function filterIssuables<Item extends Issue>(
  context: Context,
  items: readonly Item[],
): Item[] {
  const state = context.query.get("state") ?? "all";
  const labels = context.query.get("labels")?.split(",").filter(Boolean) ?? [];
  const author = context.query.get("author_id");
  const search = context.query.get("search")?.toLowerCase();
  const mine = (context.query.get("scope") ?? "all").replaceAll("-", "_") === "created_by_me";
  return items
    .filter(
      (item) =>
        (state === "all" || item.state === state) &&
        labels.every((label) => item.labels.includes(label)) &&
        (author === null || String(item.author.id) === author) &&
        (!mine || item.author.id === context.actor.user?.id) &&
        (search === undefined ||
          `${item.title}\n${item.description}`.toLowerCase().includes(search)),
    )
    .toSorted((a, b) => b.iid - a.iid);
}
