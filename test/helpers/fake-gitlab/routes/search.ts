import { notFound, paginate, requireText, type Context, type Route } from "../http.ts";
import { codeProject } from "./repository.ts";

/** Blob search of one project: Free since basic search reads git; a group's is Premium and is not here. */
export const SEARCH_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/projects/:id/search",
    handle: (context: Context) => {
      const project = codeProject(context);
      const term = context.query.get("search") ?? requireText(context, "search");
      if (context.query.get("scope") !== "blobs") throw notFound("Scope");
      const ref = context.query.get("ref") ?? project.defaultBranch;
      const files = [...(project.repository.resolve(ref)?.files ?? [])];
      const hits = files.flatMap(([path, blob]) => {
        const lines = blob.content.toString().split("\n");
        const line = lines.findIndex((text) => text.toLowerCase().includes(term.toLowerCase()));
        return line === -1 ? [] : [{ path, line, text: lines[line] ?? "" }];
      });
      return paginate(context, hits, (hit) => ({
        basename: hit.path.replace(/\.[^.]*$/, ""),
        data: hit.text,
        path: hit.path,
        filename: hit.path,
        id: null,
        ref,
        startline: hit.line + 1,
        project_id: project.id,
      }));
    },
  },
];
