import { breakOff, callFaulty } from "./call.ts";
import type { StoreFault } from "./fault.ts";

/** workerd's own words for it, seen from a disk that was full. */
const INTERNAL_ERROR = "internal error; reference = 0123456789abcdefghijklmn";

const OF_METHOD: Readonly<Record<string, StoreFault["operation"]>> = {
  GET: "get",
  HEAD: "head",
  PUT: "put",
};
const OF_KEEPER: Readonly<Record<string, StoreFault["operation"]>> = {
  "/admit": "put",
  "/list": "list",
  "/delete": "delete",
};

/** The real disk service, which fails where a fault says so. */
export function createFaultyDisk(disk: Fetcher, faults: readonly StoreFault[]): Fetcher {
  return withFetch(async (url, init) => {
    const operation = OF_METHOD[init?.method ?? "GET"];
    const work = () => disk.fetch(url, init);
    if (operation === undefined) return await work();
    const called = { faults, operation, key: url, problem: INTERNAL_ERROR };
    const { value, fault } = await callFaulty(called, work);
    if (fault?.kind !== "cut" || !value.ok || value.body === null) return value;
    const length = Number(value.headers.get("content-length"));
    return new Response(breakOff(value.body, length, fault.afterBytes), value);
  });
}

/** The real keeper, which fails where a fault says so; its keys are in what it is asked, as JSON. */
export function createFaultyKeeper(keeper: Fetcher, faults: readonly StoreFault[]): Fetcher {
  return withFetch(async (url, init) => {
    const operation = OF_KEEPER[new URL(url).pathname] ?? "put";
    const called = {
      faults,
      operation,
      key: init?.body as string,
      problem: "Network connection lost.",
    };
    return (await callFaulty(called, () => keeper.fetch(url, init))).value;
  });
}

function withFetch(fetch: (url: string, init?: RequestInit) => Promise<Response>): Fetcher {
  return { fetch } as unknown as Fetcher;
}
