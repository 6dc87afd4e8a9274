import { afterEach, describe, expect, it } from "vitest";
import { parseMirror } from "../../../bot/files/mirror.ts";
import { parseRepository } from "../../../worker/oci/repository.ts";
import { MirrorClient } from "../../../bot/mirror/client.ts";
import {
  type FakeMirror,
  type FakeMirrorState,
  startFakeMirror,
} from "../../helpers/fake-mirror.ts";
import { START, must, record } from "../verify/world.ts";

const running: FakeMirror[] = [];

afterEach(async () => {
  for (const mirror of running.splice(0)) await mirror.close();
});

async function start(changes: Partial<FakeMirrorState> = {}): Promise<FakeMirror> {
  const mirror = await startFakeMirror(changes);
  running.push(mirror);
  return mirror;
}

function client({ url }: { url: string }, token: string | null = null): MirrorClient {
  return new MirrorClient(must(parseMirror(url)), token);
}

describe("the mirror's pull log", () => {
  it("is read over all its pages, in order, within the time asked for", async () => {
    const pulls = Array.from({ length: 25 }, (_, index) =>
      record("library/alpine:3", "aa", { timeMs: START + index * 1000 }),
    );
    const mirror = await start({ pulls, pageSize: 10, completeSinceMs: 7 });
    const got = await client(mirror).pulls({ since: START + 2000, until: START + 24_000 });
    expect(got?.completeSinceMs).toBe(7);
    expect(got?.pulls.map(({ timeMs }) => timeMs)).toEqual(
      pulls.slice(2, 24).map(({ timeMs }) => timeMs),
    );
    expect(mirror.requests).toHaveLength(3);
  });

  it("is null on a mirror of another make, whether it says 404 or sends a web page", async () => {
    const plain = await start({ plain: true });
    expect(await client(plain).pulls({})).toBeNull();
    const page = await start({ fault: { status: 200, body: "<!doctype html><title>Nexus" } });
    expect(await client(page).stats({})).toBeNull();
  });

  it("is asked for with the token, on the mirror's own origin alone", async () => {
    const other = await start();
    const link = `<${other.url}/api/pulls?last=x>; rel="next"`;
    const body = JSON.stringify({ completeSinceMs: 0, pulls: [] });
    const mirror = await start({ fault: { status: 200, body, headers: { Link: link } } });
    await expect(client(mirror, "secret").pulls({})).rejects.toThrow(
      `the mirror at ${mirror.url} names a next page on another host; not followed`,
    );
    expect(mirror.requests[0]?.authorized).toBe(true);
    expect(other.requests).toEqual([]);
  });

  it("is not followed to where a redirect leads", async () => {
    const other = await start();
    const headers = { Location: `${other.url}/api/pulls` };
    const mirror = await start({ fault: { status: 302, headers } });
    await expect(client(mirror, "secret").pulls({})).rejects.toThrow(
      "answered 302 to GET /api/pulls",
    );
    expect(other.requests).toEqual([]);
  });

  it("in pages that go round in a circle ends in an error", async () => {
    const body = JSON.stringify({ completeSinceMs: 0, pulls: [] });
    const headers = { Link: '</api/pulls?n=1000>; rel="next"' };
    const mirror = await start({ fault: { status: 200, body, headers } });
    await expect(client(mirror).pulls({})).rejects.toThrow("gives pages without end");
  });
});

describe("a mirror that cannot be read", () => {
  it("is told in one sentence that names the cause", async () => {
    const guarded = await start({ token: "right" });
    await expect(client(guarded).pulls({})).rejects.toThrow(
      `the mirror at ${guarded.url} wants a token (403 to GET /api/pulls): set TIDEPOOL_TOKEN`,
    );
    await expect(client(guarded, "old").pulls({})).rejects.toThrow(
      `the mirror at ${guarded.url} refuses the token in TIDEPOOL_TOKEN (403 to GET /api/pulls)`,
    );
    const broken = await start({ fault: { status: 500, body: "oops" } });
    await expect(client(broken).catalog()).rejects.toThrow(
      `the mirror at ${broken.url} answered 500 to GET /api/catalog`,
    );
    const strange = await start({ fault: { status: 200, body: '{"pulls":[{"id":1}]}' } });
    await expect(client(strange).pulls({})).rejects.toThrow(
      `the mirror at ${strange.url} answered GET /api/pulls with what no mirror says`,
    );
  });

  it("is told where nothing listens, and a path's secret is not", async () => {
    const gone = await startFakeMirror();
    await gone.close();
    const error: unknown = await client({ url: `${gone.url}/t/abcdef123` })
      .repositories()
      .catch((cause: unknown) => cause);
    expect(String(error)).toBe(
      `MirrorError: the mirror at ${gone.url} cannot be reached: ECONNREFUSED`,
    );
  });
});

describe("the mirror's clock", () => {
  it("is measured from its answers, to within two seconds", async () => {
    const mirror = await start({ skewMs: 3_600_000 });
    const reader = client(mirror);
    expect(reader.skew).toBeNull();
    await reader.repositories();
    const skew = must(reader.skew);
    expect(Math.abs(skew.skewMs - 3_600_000)).toBeLessThan(2000);
    expect(skew.uncertaintyMs).toBeLessThan(2000);
  });
});

describe("a mirror whose pulls go by a path with a secret", () => {
  it("is asked for its API at the root, and for names below the secret", async () => {
    const mirror = await start();
    const reader = client({ url: `${mirror.url}/t/abcdef123` });
    await reader.pulls({});
    await reader.repositories().catch(() => null);
    expect(mirror.requests.map(({ path }) => path)).toEqual([
      "/api/pulls?n=1000",
      "/t/abcdef123/v2/_catalog?n=1000",
    ]);
  });
});

describe("a secret in the mirror's address", () => {
  const SECRET = "k3ys3cr3tk3ys3cr3tk3y1";

  it("is in no error, wherever it stands", async () => {
    const refusing = await start({ fault: { status: 403, body: "{}" } });
    const byPath = client({ url: `${refusing.url}/t/${SECRET}` });
    const asked = [byPath.repositories(), byPath.tags(must(parseRepository("library/alpine")))];
    for (const answer of asked) {
      await expect(answer).rejects.toThrow(/GET \/v2\//);
      await expect(answer).rejects.not.toThrow(SECRET);
    }
    const paths = refusing.requests.map(({ path }) => path).join("\n");
    expect(paths).toContain(`/t/${SECRET}/v2/_catalog`);

    const byHost = client({ url: `http://${SECRET}.mirror.invalid` });
    await expect(byHost.stats({})).rejects.toThrow("the mirror at http://SECRET.mirror.invalid");
  });
});
