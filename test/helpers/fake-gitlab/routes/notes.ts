import { requireRole, visibleProject } from "../access.ts";
import { created, forbidden, notFound, ok, paginate, refuse } from "../http.ts";
import type { Context, Reply, Route } from "../http.ts";
import { ROLE, type Issue, type Note, type Project } from "../model.ts";
import { presentNote } from "../present.ts";
import { actingUser, byIid, text } from "./issuables.ts";
import { mergeRequestProject } from "./merge-requests.ts";

interface Place {
  readonly project: Project;
  readonly parent: Issue;
}

/** Comments, alike on merge requests and on issues. */
export const NOTE_ROUTES: readonly Route[] = [
  ...noteRoutes("/projects/:id/merge_requests/:iid/notes", (context) => {
    const project = mergeRequestProject(context);
    return { project, parent: byIid(project.mergeRequests, context.params["iid"]) };
  }),
  ...noteRoutes("/projects/:id/issues/:iid/notes", (context) => {
    const project = visibleProject(context.world, context.actor, context.params["id"] ?? "");
    return { project, parent: byIid(project.issues, context.params["iid"]) };
  }),
];

function noteRoutes(path: string, locate: (context: Context) => Place): Route[] {
  return [
    {
      method: "GET",
      path,
      handle: (context) => {
        const { parent } = locate(context);
        // Newest first unless asked otherwise (lib/api/notes.rb).
        const notes =
          context.query.get("sort") === "asc" ? parent.notes : parent.notes.toReversed();
        return paginate(context, notes, (note) => presentNote(note, parent));
      },
    },
    { method: "POST", path, handle: (context) => add(context, locate(context)) },
    { method: "PUT", path: `${path}/:note`, handle: (context) => edit(context, locate(context)) },
    {
      method: "DELETE",
      path: `${path}/:note`,
      handle: (context) => {
        const { project, parent } = locate(context);
        const note = find(context, parent);
        if (note.author.id !== actingUser(context).id) {
          requireRole(context.world, context.actor, [project, ROLE.maintainer]);
        }
        parent.notes.splice(parent.notes.indexOf(note), 1);
        return { status: 204 };
      },
    },
  ];
}

function find(context: Context, parent: Issue): Note {
  const note = parent.notes.find((one) => String(one.id) === context.params["note"]);
  if (!note) throw notFound("Note");
  return note;
}

function bodyOf(context: Context): string {
  const body = text(context, "body");
  if (body === undefined || body.trim() === "") {
    throw refuse(400, '400 Bad request - Note {:note=>["can\'t be blank"]}');
  }
  return body;
}

function add(context: Context, { project, parent }: Place): Reply {
  requireRole(context.world, context.actor, [project, ROLE.guest]);
  const note = context.world.addNote(parent, actingUser(context), bodyOf(context));
  return created(presentNote(note, parent));
}

/** Only its author may edit a comment (`admin_note`). */
function edit(context: Context, { parent }: Place): Reply {
  const note = find(context, parent);
  if (note.author.id !== actingUser(context).id) throw forbidden();
  note.body = bodyOf(context);
  context.world.readText(`note on ${parent.iid}`, note.body);
  note.updatedAt = context.world.now();
  return ok(presentNote(note, parent));
}
