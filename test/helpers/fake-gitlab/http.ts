import type { Actor } from "./access.ts";
import type { World } from "./world.ts";

/** A refusal, with the body GitLab would send. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly body: unknown;

  constructor(status: number, body: unknown) {
    super(`${status}`);
    this.status = status;
    this.body = body;
  }
}

/** `{"message": …}`, the shape of `render_api_error!` (lib/api/helpers.rb). */
export function refuse(status: number, message: unknown): ApiError {
  return new ApiError(status, { message });
}

/** `404 Project Not Found` and its like (`not_found!`). */
export function notFound(what = ""): ApiError {
  return refuse(404, ["404", what, "Not Found"].filter(Boolean).join(" "));
}

/** `403 Forbidden`, with a reason where GitLab gives one. */
export function forbidden(reason = ""): ApiError {
  return refuse(403, reason === "" ? "403 Forbidden" : `403 Forbidden - ${reason}`);
}

/** Grape's own refusal of missing or malformed parameters: `{"error": …}`, not `message`. */
export function invalid(error: string): ApiError {
  return new ApiError(400, { error });
}

/** What a route sees of a request. */
export interface Context {
  readonly world: World;
  readonly actor: Actor;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
  /** The instance's address as it believes it is: links are made of it. */
  readonly externalUrl: string;
  /** Path of the request, for paging links. */
  readonly path: string;
}

/** An answer. `text` and `stream` are sent as `text/plain`, everything else as JSON. */
export interface Reply {
  readonly status: number;
  readonly json?: unknown;
  readonly text?: string | Buffer;
  readonly stream?: AsyncIterable<string | Uint8Array>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A route: method, path below `/api/v4`, and what it does. Synchronous, so that each request is atomic. */
export interface Route {
  readonly method: string;
  readonly path: string;
  /** Scopes any of which suffices; default `api`, or `read_api` too for reading. */
  readonly scopes?: readonly string[];
  /** Project access tokens' and anonymous callers' reading of public projects. */
  readonly anonymous?: boolean;
  readonly handle: (context: Context) => Reply;
}

/** Answers 200 with JSON. */
export function ok(json: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status: 200, json, headers };
}

/** Answers 201 with JSON. */
export function created(json: unknown): Reply {
  return { status: 201, json };
}

/** A required string of the body. */
export function requireText(context: Context, name: string): string {
  const value = context.body[name];
  if (value === undefined || value === null) throw invalid(`${name} is missing`);
  if (typeof value !== "string") throw invalid(`${name} is invalid`);
  if (value === "") throw invalid(`${name} is empty`);
  return value;
}

/** An optional string of the body. */
export function optionalText(context: Context, name: string): string | undefined {
  const value = context.body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw invalid(`${name} is invalid`);
  return value;
}

/** Labels come as an array or as one string with commas. */
export function optionalList(context: Context, name: string): string[] | undefined {
  const value = context.body[name];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value) && typeof value !== "string") throw invalid(`${name} is invalid`);
  const items = Array.isArray(value) ? value.map(String) : value.split(",");
  return items.map((item) => item.trim()).filter(Boolean);
}

/** A boolean of the query, as Grape coerces it: dry-types' `params.bool`, which takes `True` and `yes` as well. */
export function flag(context: Context, name: string): boolean | undefined {
  const value = context.query.get(name);
  if (value === null) return undefined;
  if (/^(?:1|on|t|true|y|yes)$/i.test(value)) return true;
  if (/^(?:0|off|f|false|n|no)$/i.test(value)) return false;
  throw invalid(`${name} is invalid`);
}

function count(context: Context, name: string, fallback: number): number {
  const value = context.query.get(name);
  if (value === null) return fallback;
  if (!/^\d+$/.test(value)) throw invalid(`${name} is invalid`);
  return Number(value);
}

/**
 * Offset pages, with the headers of doc/api/rest/index.md: `Link`, `X-Page`, `X-Next-Page` and their like.
 *
 * `per_page` stops at 100 whatever is asked, as GitLab's does.
 */
export function paginate<Item>(
  context: Context,
  items: readonly Item[],
  present: (item: Item) => unknown,
): Reply {
  const perPage = Math.min(Math.max(count(context, "per_page", 20), 1), 100);
  const page = Math.max(count(context, "page", 1), 1);
  const pages = Math.max(Math.ceil(items.length / perPage), 1);
  const link = (rel: string, to: number) => {
    const query = new URLSearchParams(context.query);
    query.set("page", String(to));
    query.set("per_page", String(perPage));
    return `<${context.externalUrl}${context.path}?${query.toString()}>; rel="${rel}"`;
  };
  const links = [link("first", 1), link("last", pages)];
  if (page < pages) links.unshift(link("next", page + 1));
  if (page > 1) links.unshift(link("prev", page - 1));
  const headers = {
    Link: links.join(", "),
    "X-Page": String(page),
    "X-Per-Page": String(perPage),
    "X-Next-Page": page < pages ? String(page + 1) : "",
    "X-Prev-Page": page > 1 ? String(page - 1) : "",
    "X-Total": String(items.length),
    "X-Total-Pages": String(pages),
  };
  return ok(items.slice((page - 1) * perPage, page * perPage).map(present), headers);
}

/** How keyset pages are cut. */
export interface Keyset<Item> {
  /** The query parameter that names the last item seen. */
  readonly cursor: string;
  readonly key: (item: Item) => string;
  readonly present: (item: Item) => unknown;
}

/** Keyset pages: `Link: rel="next"` with a cursor, and no counts (doc/api/rest/index.md#keyset-based-pagination). */
export function paginateByKey<Item>(
  context: Context,
  items: readonly Item[],
  keyset: Keyset<Item>,
): Reply {
  const perPage = Math.min(Math.max(count(context, "per_page", 20), 1), 100);
  const after = context.query.get(keyset.cursor);
  const start = after === null ? 0 : items.findIndex((item) => keyset.key(item) === after) + 1;
  if (after !== null && start === 0) throw refuse(400, `invalid ${keyset.cursor}`);
  const slice = items.slice(start, start + perPage);
  const last = slice.at(-1);
  const headers: Record<string, string> = {};
  if (last !== undefined && start + perPage < items.length) {
    const query = new URLSearchParams(context.query);
    query.set(keyset.cursor, keyset.key(last));
    headers["Link"] = `<${context.externalUrl}${context.path}?${query.toString()}>; rel="next"`;
  }
  return ok(slice.map(keyset.present), headers);
}
