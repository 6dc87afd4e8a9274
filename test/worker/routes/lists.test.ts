import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { noFaults } from "../../helpers/fake-hub/faults.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { TYPES, contentOf, createImage, syntheticContent } from "../../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";

let hub: FakeHub;
let mirror: TestMirror;

beforeAll(async () => {
  hub = await startFakeHub();
  mirror = await startTestMirror({ UPSTREAM: hub.url });
});
afterAll(async () => {
  await mirror.stop();
  await hub.close();
});
beforeEach(() => {
  hub.forget();
  hub.faults = noFaults();
});

interface Page {
  readonly status: number;
  readonly body: {
    tags?: string[];
    repositories?: string[];
    manifests?: unknown[];
    errors?: { code: string }[];
  };
  readonly next: string | null;
}

async function page(path: string): Promise<Page> {
  const response = await mirror.fetch(path);
  const link = /^<([^>]+)>; rel="next"$/.exec(response.headers.get("link") ?? "");
  return {
    status: response.status,
    body: (await response.json()) as Page["body"],
    next: link?.[1] ?? null,
  };
}

async function walk(path: string, key: "tags" | "repositories"): Promise<string[]> {
  const found: string[] = [];
  for (let next: string | null = path; next !== null;) {
    const { body, next: following } = await page(next);
    found.push(...(body[key] ?? []));
    next = following;
  }
  return found;
}

describe("tags/list", () => {
  test("is Docker Hub's, in pages whose links lead back to the mirror", async () => {
    const tags = ["1.0", "1.1", "2.0", "latest", "nightly"];
    for (const tag of tags) hub.push("lists/app", tag, createImage([syntheticContent(10)]));
    expect((await page("/v2/lists/app/tags/list")).body.tags).toEqual(tags);
    const first = await page("/v2/lists/app/tags/list?n=2");
    expect(first.body.tags).toEqual(["1.0", "1.1"]);
    expect(first.next).toMatch(/^\/v2\/lists\/app\/tags\/list\?/);
    expect(await walk("/v2/lists/app/tags/list?n=2", "tags")).toEqual(tags);
    expect((await page("/v2/lists/app/tags/list?last=2.0")).body.tags).toEqual([
      "latest",
      "nightly",
    ]);
    expect(await page("/v2/lists/app/tags/list?n=0")).toMatchObject({
      body: { tags: [] },
      next: null,
    });
  });

  test("is the cached tags, in order and in pages, while Docker Hub is away", async () => {
    for (const tag of ["b", "a", "c"]) {
      hub.push("lists/cached", tag, createImage([syntheticContent(10)]));
      await mirror.fetch(`/v2/lists/cached/manifests/${tag}`);
    }
    hub.push("lists/cached/nested", "z", createImage([syntheticContent(10)]));
    await mirror.fetch("/v2/lists/cached/nested/manifests/z");
    hub.faults.registry = "503";
    const response = await mirror.fetch("/v2/lists/cached/tags/list");
    expect(await response.json()).toEqual({ name: "lists/cached", tags: ["a", "b", "c"] });
    expect(response.headers.get("warning")).toMatch(/^299 - "stale/);
    expect(await walk("/v2/lists/cached/tags/list?n=1", "tags")).toEqual(["a", "b", "c"]);
  });

  test("of an unknown repository is 404 NAME_UNKNOWN", async () => {
    expect(await page("/v2/lists/none/tags/list")).toMatchObject({
      status: 404,
      body: { errors: [{ code: "NAME_UNKNOWN" }] },
    });
  });
});

describe("referrers", () => {
  test("are the empty index where Docker Hub has no such endpoint", async () => {
    hub.push("lists/app", "1", createImage([syntheticContent(10)]));
    const { digest } = contentOf("subject");
    const response = await mirror.fetch(`/v2/lists/app/referrers/${digest}`);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe(TYPES.ociIndex);
    expect(await response.json()).toEqual({
      schemaVersion: 2,
      mediaType: TYPES.ociIndex,
      manifests: [],
    });
  });

  test("are the upstream's where it has them, filtered as it filters", async () => {
    hub.push("lists/signed", "1", createImage([syntheticContent(10)]));
    const { digest } = contentOf("subject");
    const referrers = [{ artifactType: "a/sig" }, { artifactType: "a/sbom" }];
    hub.repository("lists/signed").referrers.set(digest, referrers);
    hub.hasReferrers = true;
    expect((await page(`/v2/lists/signed/referrers/${digest}`)).body.manifests).toEqual(referrers);
    const filtered = await mirror.fetch(`/v2/lists/signed/referrers/${digest}?artifactType=a/sig`);
    expect(filtered.headers.get("oci-filters-applied")).toBe("artifactType");
    expect(await filtered.json()).toMatchObject({ manifests: [{ artifactType: "a/sig" }] });
    hub.hasReferrers = false;
  });

  test("of a malformed digest are 400 DIGEST_INVALID", async () => {
    expect((await page("/v2/lists/app/referrers/sha256:bad")).status).toBe(400);
  });
});

describe("_catalog", () => {
  test("lists what was pulled, and only that, sorted and in pages", async () => {
    const fresh = await startTestMirror({ UPSTREAM: hub.url });
    try {
      expect(await (await fresh.fetch("/v2/_catalog")).json()).toEqual({ repositories: [] });
      const names = ["cat/b", "cat/a", "cat/a/deep", "cat/a-b", "library/alpine"];
      for (const name of names) {
        hub.push(name, "1", createImage([syntheticContent(10)]));
        await fresh.fetch(`/v2/${name}/manifests/1`);
      }
      await fresh.fetch("/v2/cat/missing/manifests/1");
      hub.forget();
      const sorted = names.toSorted();
      expect(await (await fresh.fetch("/v2/_catalog")).json()).toEqual({ repositories: sorted });
      const first = await fresh.fetch("/v2/_catalog?n=2");
      expect(await first.json()).toEqual({ repositories: sorted.slice(0, 2) });
      expect(first.headers.get("link")).toBe(
        `</v2/_catalog?n=2&last=${encodeURIComponent(sorted[1] ?? "")}>; rel="next"`,
      );
      const last = await fresh.fetch(`/v2/_catalog?n=3&last=${sorted[1]}`);
      expect(await last.json()).toEqual({ repositories: sorted.slice(2) });
      expect(last.headers.get("link")).toBeNull();
      expect(hub.log).toEqual([]);
    } finally {
      await fresh.stop();
    }
  });
});

test.each([
  "/v2/_catalog?n=-1",
  "/v2/_catalog?n=x",
  "/v2/lists/app/tags/list?n=1e3",
  "/v2/_catalog?last=%0d%0a",
])("%s is 400", async (path) => expect((await page(path)).status).toBe(400));
