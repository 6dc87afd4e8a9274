import type * as z from "zod";
import type { CatalogEntry, CatalogPage } from "../contract/catalog.ts";
import type { PullLogPage, PullRecord } from "../contract/pull-log.ts";
import type { PullCounts, Stats } from "../contract/stats.ts";
import type { StoreUsage } from "../inventory/inventory.ts";
import {
  type LedgerSums,
  type LoggedPull,
  type QuotaSeen,
  type RepositoryId,
  type Sums,
  parsePullId,
} from "../ledger/ledger.ts";
import type { LedgerReader } from "../ledger/reader.ts";
import { type Account, formatAccount } from "../ledger/credential.ts";
import { HOUR_MS, addSums, noSums } from "../ledger/sums.ts";
import { hasRenewed } from "../oci/pull-limit.ts";
import { formatNextLink } from "../oci/link.ts";
import { parseRepository } from "../oci/repository.ts";
import { ApiQuery } from "./api-query.ts";
import { describeUpstreams } from "./upstreams.ts";

/** What the store holds, against what it may. */
export interface StorageUse extends StoreUsage {
  /** `null` where there is no limit. */
  readonly limitBytes: number | null;
}

/** What the API needs. */
export interface ApiDeps {
  readonly ledger: LedgerReader;
  /** `null` where it cannot be told now. */
  readonly storage: () => Promise<StorageUse | null>;
  /** Of the registries that are mirrored now, Docker Hub first. */
  readonly accounts: readonly Account[];
  /** Names of the places that content is had from by its digest. */
  readonly sources: readonly string[];
  /** Less of a limit left than this share of it, 0 to 1, is worth a warning. */
  readonly warnShare: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const PULLS_QUERY = ["repository", "digest", "since", "until", "n", "last"];
const DAY_MS = 24 * HOUR_MS;
/** Without `since`: what a day's chart by hours shows, and a month's by days. */
const DEFAULT_SPAN_MS = { hour: DAY_MS, day: 30 * DAY_MS };
/** 2,232 buckets; whoever wants a year asks by day. */
const MAX_HOURS_MS = 93 * DAY_MS;

/** `GET /api/pulls?repository=&digest=&since=&until=&n=&last=`: the pull log, newest last. */
export async function getPulls(deps: ApiDeps, request: Request): Promise<Response> {
  const query = new ApiQuery(request, PULLS_QUERY);
  const limit = query.limit();
  const { completeSinceMs, pulls } = await deps.ledger.listPulls({
    repository: query.repository(),
    digest: query.digest(),
    sinceMs: query.time("since") ?? 0,
    untilMs: query.time("until") ?? Number.MAX_SAFE_INTEGER,
    after: query.last((text) => (parsePullId(text) === null ? null : text)),
    // One more than asked for tells whether there is a next page.
    limit: limit + 1,
  });
  const shown = pulls.slice(0, limit).map(describePull);
  const next = pulls.length > limit ? shown.at(-1)?.id : undefined;
  const page: z.infer<typeof PullLogPage> = { completeSinceMs, pulls: shown };
  return respond(page, next === undefined ? null : formatNextLink("/api/pulls", query.next(next)));
}

/** Tells of a pull as the contract has it. */
export function describePull({ client, ...pull }: LoggedPull): PullRecord {
  const { token, ...rest } = client;
  return { ...pull, client: rest, ...(token === "" ? {} : { token }) };
}

/** `GET /api/catalog?n=&last=`: every repository with its tags and figures. */
export async function getCatalogEntries(deps: ApiDeps, request: Request): Promise<Response> {
  const query = new ApiQuery(request, ["n", "last"]);
  const limit = query.limit();
  const after = query.last(parseCatalogId);
  const found = await deps.ledger.listCatalog({ after, limit: limit + 1 });
  const shown = found.slice(0, limit);
  const repositories = shown.map((row): CatalogEntry => ({ ...row, tags: [...row.tags] }));
  const end = (await isLast(deps, found, limit)) ? undefined : shown.at(-1);
  const page: z.infer<typeof CatalogPage> = { repositories };
  if (end === undefined) return respond(page, null);
  const last = `${end.upstream}/${end.repository}`;
  return respond(page, formatNextLink("/api/catalog", query.next(last)));
}

/** Whether no repository follows: a page that is not full may have ended early. */
async function isLast(
  { ledger }: ApiDeps,
  found: readonly RepositoryId[],
  limit: number,
): Promise<boolean> {
  const after = found.at(-1);
  if (found.length > limit) return false;
  if (after === undefined) return true;
  return (await ledger.listCatalog({ after, limit: 1 })).length === 0;
}

/** `GET /api/stats?since=&until=&step=hour|day`: sums of whole hours, so the span may be wider than asked for. */
export async function getStats(deps: ApiDeps, request: Request): Promise<Response> {
  const query = new ApiQuery(request, ["since", "until", "step"]);
  const step = query.step();
  const until = query.time("until") ?? deps.now();
  const since = query.time("since") ?? Math.max(0, until - DEFAULT_SPAN_MS[step]);
  const sinceMs = Math.floor(since / HOUR_MS) * HOUR_MS;
  const untilMs = Math.max(sinceMs, Math.ceil(until / HOUR_MS) * HOUR_MS);
  if (step === "hour" && untilMs - sinceMs > MAX_HOURS_MS)
    query.refuse("step", "must be day for a span of more than 93 days");
  const [stats, storage] = await Promise.all([
    readStats(deps, { sinceMs, untilMs }, step),
    deps.storage(),
  ]);
  if (storage === null) return respond(stats, null);
  const { usedBytes, limitBytes } = storage;
  const whole: Stats = { ...stats, storage: { usedBytes, limitBytes } };
  return respond(whole, null);
}

/**
 * Sums a span of whole hours into buckets.
 *
 * @param span - `untilMs` exclusive
 */
export async function readStats(
  deps: ApiDeps,
  span: { readonly sinceMs: number; readonly untilMs: number },
  step: Stats["step"],
): Promise<Stats> {
  const sums = await deps.ledger.sum(span);
  const totals = noSums();
  const buckets = new Map<number, ReturnType<typeof noSums>>();
  for (const hour of sums.hours) {
    addSums(totals, hour);
    const size = step === "hour" ? HOUR_MS : DAY_MS;
    const startMs = Math.floor(hour.startMs / size) * size;
    const bucket = buckets.get(startMs) ?? noSums();
    addSums(bucket, hour);
    buckets.set(startMs, bucket);
  }
  return {
    ...span,
    step,
    totals: countsOf(totals),
    buckets: [...buckets].map(([startMs, bucket]) => ({ startMs, ...countsOf(bucket) })),
    quotas: quotasOf(sums, deps),
    lostRecords: sums.lost,
    upstreams: describeUpstreams(sums, deps.accounts),
  };
}

function countsOf(sums: Sums): PullCounts {
  const { blobHits: _hits, blobMisses: _misses, ...counts } = sums;
  return counts;
}

function quotasOf(sums: LedgerSums, deps: ApiDeps): Stats["quotas"] {
  const seen = currentQuotas(sums, deps).map(({ account, quota }) => {
    const { credential: _name, ...told } = quota;
    // What has renewed since needs no warning.
    const warning = hasRenewed(quota, deps.now()) ? {} : { warnBelow: warnBelow(quota, deps) };
    return { ...account, quota: told, ...warning };
  });
  const [hub] = deps.accounts;
  const isKnown = seen.some(({ upstream }) => upstream === hub?.upstream);
  return hub === undefined || isKnown ? seen : [...seen, { ...hub, quota: null }];
}

/** Limits of the credentials that are configured now: what a former one had left says nothing any more. */
export function currentQuotas(
  { quotas }: LedgerSums,
  { accounts }: Pick<ApiDeps, "accounts">,
): readonly { readonly account: Account; readonly quota: QuotaSeen }[] {
  return quotas.flatMap((quota) => {
    const account = accounts.find((one) => formatAccount(one) === quota.credential);
    return account === undefined ? [] : [{ account, quota }];
  });
}

/** With fewer pulls left than these, a warning is due. */
export function warnBelow(
  { limit }: { readonly limit: number },
  { warnShare }: Pick<ApiDeps, "warnShare">,
): number {
  return Math.ceil(limit * warnShare);
}

function parseCatalogId(text: string): RepositoryId | null {
  const slash = text.indexOf("/");
  const repository = parseRepository(text.slice(slash + 1));
  return slash <= 0 || repository === null ? null : { upstream: text.slice(0, slash), repository };
}

function respond(body: unknown, link: string | null): Response {
  const headers = new Headers({ "Cache-Control": "no-store" });
  if (link !== null) headers.set("Link", link);
  return Response.json(body, { headers });
}
