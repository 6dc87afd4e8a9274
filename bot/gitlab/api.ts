import { Gitlab } from "@gitbeaker/rest";
import * as z from "zod";
import { parseNextLink } from "../../worker/oci/link.ts";
import type { GitLabConfig } from "../config.ts";
import { ConfigError } from "../errors.ts";
import { SYSTEM_CLOCK, type Clock } from "./clock.ts";
import { GitLabError } from "./errors.ts";
import { createGate } from "./gate.ts";
import { createRequester } from "./requester.ts";

/** A connection to one GitLab with one token. */
export interface Api {
  /** gitbeaker's typed calls, sent through our requester. */
  readonly rest: InstanceType<typeof Gitlab<false>>;
  /** GitLab's address, without a slash at the end. */
  readonly url: string;
  readonly clock: Clock;
}

/** What may be set about a connection. */
export interface ApiOptions {
  readonly clock?: Clock;
  /** Requests under way at once; 8 keeps a fleet's run far below gitlab.com's 2,000 a minute. */
  readonly concurrency?: number;
  /** Ends everything under way. */
  readonly signal?: AbortSignal;
}

/**
 * Connects to GitLab; nothing is sent yet.
 *
 * @throws {@link ConfigError} where the URL carries credentials, which fetch would print in its refusal
 */
export function createApi(config: GitLabConfig, options: ApiOptions = {}): Api {
  const { username, password } = new URL(config.url);
  if (username !== "" || password !== "") {
    throw new ConfigError("GITLAB_URL", "GITLAB_URL must not carry a user name or password");
  }
  const clock = options.clock ?? SYSTEM_CLOCK;
  const gate = createGate(options.concurrency ?? 8, clock, options.signal);
  const requesterFn = createRequester({
    clock,
    gate,
    ...(options.signal ? { signal: options.signal } : {}),
  });
  // Deadlines are the requester's: gitbeaker's own spans all pages and all waits of a list.
  const rest = new Gitlab({
    host: config.url,
    token: config.token,
    requesterFn,
    queryTimeout: null,
  });
  return { rest, url: config.url, clock };
}

/**
 * Reads an answer of GitLab through a schema that names the fields used, and no others.
 *
 * @throws {@link GitLabError} naming the first field that is not as expected
 */
export function readAnswer<Schema extends z.ZodType>(
  request: string,
  schema: Schema,
  answer: unknown,
): z.infer<Schema> {
  const result = schema.safeParse(answer);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue?.path.join(".") ?? "";
  const detail = `the answer is not as expected${where === "" ? "" : ` at ${where}`}: ${issue?.message ?? ""}`;
  throw new GitLabError({ request, status: 200, effect: "unknown", detail });
}

/** A list of GitLab's. */
export interface List<Item extends z.ZodType> {
  readonly path: string;
  readonly query: Readonly<Record<string, string | number | boolean>>;
  readonly item: Item;
}

/**
 * Reads a list page by page, as `Link: rel="next"` leads; each page is gone when the next one comes.
 *
 * The requester refuses a link to another origin, so that only the query of a link counts here.
 */
export async function* readPages<Item extends z.ZodType>(
  api: Api,
  list: List<Item>,
): AsyncGenerator<z.infer<Item>[], void, undefined> {
  const request = `GET ${list.path}`;
  let searchParams: Record<string, unknown> | null = { per_page: 100, ...list.query };
  while (searchParams !== null) {
    // Any resource's requester will do: all of them share one, and `all()` would keep every page.
    const { body, headers } = await api.rest.Projects.requester.get(list.path, { searchParams });
    yield readAnswer(request, z.array(list.item), body);
    const next = parseNextLink(headers["link"] ?? "");
    searchParams = next === null ? null : Object.fromEntries(new URL(next, api.url).searchParams);
  }
}

/** Reads a whole list that is known to be short. */
export async function readList<Item extends z.ZodType>(
  api: Api,
  list: List<Item>,
): Promise<z.infer<Item>[]> {
  const items: z.infer<Item>[] = [];
  for await (const page of readPages(api, list)) items.push(...page);
  return items;
}
