import * as z from "zod";
import { type CatalogEntry, CatalogPage } from "../../worker/contract/catalog.ts";
import { ApiError } from "../../worker/contract/error.ts";
import { PullLogPage, type PullLogQuery } from "../../worker/contract/pull-log.ts";
import { Stats, type StatsQuery } from "../../worker/contract/stats.ts";
import type { RepositoryName } from "../../worker/oci/repository.ts";
import type { Mirror } from "../files/mirror.ts";
import { MirrorError } from "./errors.ts";
import { type Answer, type ClockSkew, MirrorHttp, nameOf } from "./http.ts";

/** Docker's catalog. @see distribution, docs/spec/api.md, "Listing Repositories" */
const DockerCatalog = z.object({ repositories: z.array(z.string()).nullable() });
/** @see OCI distribution spec v1.1.1, "Content Discovery" (end-8); registry:2 writes `null` for none */
const TagList = z.object({ tags: z.array(z.string()).nullable() });

/** No more names or records than this are held at once. */
const MAX_ITEMS = 200_000;

/** Reads a mirror over HTTP: its own API where it has one, and what any registry has. */
export class MirrorClient {
  readonly #http: MirrorHttp;
  readonly #hasToken: boolean;
  readonly #api: string;
  readonly #registry: string;

  /** @param token - `TIDEPOOL_TOKEN`; sent to the mirror's own origin alone */
  constructor(mirror: Mirror, token: string | null) {
    this.#http = new MirrorHttp(token);
    this.#hasToken = token !== null;
    this.#registry = mirror.url;
    // `/t/<secret>` lets pulls in; the API stands beside it, at the root.
    this.#api = mirror.url.replace(/\/t\/[a-z0-9]+$/, "");
  }

  /** The mirror's clock against ours, measured from its answers' `Date`; `null` before the first one. */
  get skew(): ClockSkew | null {
    return this.#http.skew;
  }

  /** Sums over a span; `null` where the mirror is another product, without an API of ours. */
  async stats(query: StatsQuery): Promise<Stats | null> {
    const answer = await this.#http.get(this.#url("/api/stats", query));
    return isAbsent(answer) ? null : this.#read(answer, Stats, "/api/stats");
  }

  /** The pull log between two times of the mirror's clock, newest last; `null` without an API. */
  async pulls(query: PullLogQuery): Promise<z.infer<typeof PullLogPage> | null> {
    const first = this.#url("/api/pulls", { n: 1000, ...query });
    let completeSinceMs = 0;
    const schema = PullLogPage.transform((page) => {
      completeSinceMs = Math.max(completeSinceMs, page.completeSinceMs);
      return page.pulls;
    });
    const pulls = await this.#all(first, schema);
    return pulls === null ? null : { completeSinceMs, pulls };
  }

  /** Every repository that was pulled through the mirror, with its figures; `null` without an API. */
  async catalog(): Promise<CatalogEntry[] | null> {
    const first = this.#url("/api/catalog", { n: 1000 });
    return this.#all(
      first,
      CatalogPage.transform(({ repositories }) => repositories),
    );
  }

  /** `/v2/_catalog`: the names of what the mirror holds; `null` where it has no such list. */
  async repositories(): Promise<string[] | null> {
    const first = this.#url("/v2/_catalog", { n: 1000 });
    return this.#all(
      first,
      DockerCatalog.transform(({ repositories }) => repositories ?? []),
    );
  }

  /** `tags/list` of one repository; `null` where the mirror does not know it. */
  async tags(repository: RepositoryName): Promise<string[] | null> {
    const first = this.#url(`/v2/${repository}/tags/list`, {});
    return this.#all(
      first,
      TagList.transform(({ tags }) => tags ?? []),
    );
  }

  async #all<Item>(first: URL, schema: z.ZodType<Item[]>): Promise<Item[] | null> {
    const items: Item[] = [];
    for await (const answer of this.#http.pages(first)) {
      if (isAbsent(answer)) return null;
      for (const item of this.#read(answer, schema, pathOf(first))) items.push(item);
      if (items.length > MAX_ITEMS)
        throw new MirrorError(`${nameOf(first)} lists more than ${MAX_ITEMS} items`);
    }
    return items;
  }

  #read<Value>(answer: Answer, schema: z.ZodType<Value>, path: string): Value {
    const name = nameOf(new URL(this.#registry));
    const { status, json } = answer;
    if (status === 401 || status === 403) {
      const sentence = this.#hasToken
        ? `${name} refuses the token in TIDEPOOL_TOKEN (${status} to GET ${path})`
        : `${name} wants a token (${status} to GET ${path}): set TIDEPOOL_TOKEN`;
      throw new MirrorError(sentence, { status, isUnconfigured: !this.#hasToken });
    }
    if (status !== 200) {
      const told = ApiError.safeParse(json).data?.errors[0]?.message ?? "";
      const because = told === "" ? "" : `: ${told.slice(0, 200)}`;
      throw new MirrorError(`${name} answered ${status} to GET ${path}${because}`, { status });
    }
    const parsed = schema.safeParse(json);
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    const where = issue === undefined ? "" : `: ${issue.path.join(".")} ${issue.message}`;
    throw new MirrorError(`${name} answered GET ${path} with what no mirror says${where}`, {
      status,
    });
  }

  #url(path: string, query: Readonly<Record<string, string | number | undefined>>): URL {
    const base = path.startsWith("/api/") ? this.#api : this.#registry;
    const url = new URL(`${base}${path}`);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value));
    return url;
  }
}

/** Another product's answer to a path it does not have: some say 404, some send their web page. */
function isAbsent({ status, json }: Answer): boolean {
  return (
    status === 404 || status === 405 || status === 501 || (status === 200 && json === undefined)
  );
}

/** A path as errors show it: without the secret that the mirror's own address may have. */
function pathOf({ pathname }: URL): string {
  return pathname.replace(/^\/t\/[a-z0-9]+(?=\/)/, "");
}
