import { mirrorArgument } from "./dockerd-command.ts";
import { lineCounter } from "./source-text.ts";
import type { EditOptions, FilePlan, Left, SourceFile } from "./types.ts";

/** Whether a path is a template by its ending: what comes out of it is not known here. */
export function isTemplatePath(path: string): boolean {
  return /\.(?:j2|jinja2?|tpl|tftpl|tmpl|erb)$/i.test(path);
}

/** Lines of a template or of HCL that set up a Docker daemon for jobs. */
const PLACES: readonly {
  readonly pattern: RegExp;
  readonly what: string;
  readonly snippet: (options: EditOptions) => string;
}[] = [
  {
    pattern:
      /["'/](?:docker:[^"'\s]*dind[^"'\s]*|dind(?::[^"'\s]*)?|docker-dind(?::[^"'\s]*)?)["']/,
    what: "sets up a dind service",
    snippet: ({ mirror }) => `command = ["${mirrorArgument(mirror)}"]`,
  },
  {
    pattern: /\bengine-registry-mirror\b|\bMachineOptions\b/,
    what: "sets up hosts of docker-machine",
    snippet: ({ mirror }) => `"engine-registry-mirror=${mirror.url}"`,
  },
  {
    pattern:
      /\[\[\s*runners\.(?:docker|kubernetes)\.services\s*\]\]|\brunners?_(?:worker_)?docker_services\b/,
    what: "sets up services for every job",
    snippet: ({ mirror }) => `command = ["${mirrorArgument(mirror)}"]`,
  },
];

/** Shows what to put into a template; it is never edited, since no parser here reads it. */
export function planTemplate({ source }: SourceFile, options: EditOptions): FilePlan {
  const lineAt = lineCounter(source);
  const left: Left[] = [];
  let offset = 0;
  for (const text of source.split("\n")) {
    const place = /^\s*(?:#|\/\/)/.test(text)
      ? undefined
      : PLACES.find(({ pattern }) => pattern.test(text));
    if (place !== undefined) {
      left.push({
        verdict: "suggest",
        line: lineAt(offset),
        code: "template",
        reason: `${place.what}, in a file that is not edited because it is a template or Terraform`,
        snippet: place.snippet(options),
        attention: true,
      });
    }
    offset += text.length + 1;
  }
  return { edits: [], left };
}
