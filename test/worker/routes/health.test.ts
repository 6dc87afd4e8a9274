import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Stats } from "../../../worker/contract/stats.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { createImage, syntheticContent } from "../../helpers/images.ts";
import { readApi } from "../../helpers/ledger.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";

let hub: FakeHub;
/** Has a tag confirmed at every pull. */
let mirror: TestMirror;

beforeEach(async () => {
  hub = await startFakeHub();
  mirror = await startTestMirror({ UPSTREAM: hub.url, TAG_TTL_SECONDS: "0" });
});
afterEach(async () => {
  await mirror.stop();
  await hub.close();
});

/** Records are written a moment after the answers. */
async function shows(words: string, where = mirror): Promise<void> {
  await vi.waitFor(
    async () => {
      const page = (await (await where.fetch("/")).text()).replaceAll(/<[^>]+>/g, "");
      expect(page.replaceAll(/\s+/g, " ").replaceAll("&#39;", "'")).toContain(words);
    },
    { timeout: 15_000, interval: 200 },
  );
}

async function ask(path: string, method = "GET", where = mirror): Promise<Response> {
  const response = await where.fetch(`/v2/${path}`, { method });
  await response.arrayBuffer();
  return response;
}

/** As dockerd does it. */
async function pull(): Promise<string[]> {
  const head = await ask("team/app/manifests/1", "HEAD");
  const digest = head.headers.get("docker-content-digest") ?? "";
  const got = await ask(`team/app/manifests/${digest}`);
  return [head, got].map(({ headers }) => headers.get("x-cache") ?? "");
}

async function hubsHealth() {
  const { upstreams = [] } = await readApi(mirror, "/api/stats", Stats);
  expect(upstreams[0]?.upstream).toBe("docker.io");
  return upstreams[0];
}

describe("that Docker Hub fails is on the page and in the stats, and that it is over", () => {
  test("for dockerd, which asks by HEAD and then pulls by a digest that is stored", async () => {
    const image = createImage([syntheticContent(10)]);
    hub.push("team/app", "1", image);
    expect(await pull()).toEqual(["MISS", "MISS"]);
    await shows("All is well. Docker Hub answers.");
    hub.faults.registry = "reset";
    expect(await pull()).toEqual(["STALE", "HIT"]);
    await shows("Docker Hub cannot be reached. First seen");
    const away = await hubsHealth();
    expect(away?.failure).toMatchObject({ kind: "unreachable" });
    expect(away?.failures).toEqual([expect.objectContaining({ kind: "unreachable", count: 1 })]);
    expect(away?.failure?.sinceMs).toBeGreaterThan(away?.answeredAtMs ?? Infinity);
    hub.faults.registry = null;
    await vi.waitFor(async () => expect(await pull()).toEqual(["REVALIDATED", "HIT"]), {
      timeout: 10_000,
    });
    await shows("All is well. Docker Hub answers.");
    expect(await hubsHealth()).toMatchObject({ failure: null });
  });

  test("where nothing of it was ever stored", async () => {
    hub.faults.registry = "503";
    expect((await ask("team/cold/manifests/1")).status).toBe(503);
    await shows("Docker Hub answers with errors.");
    await shows("It has not answered yet.");
  });

  test("where the limit is used up, which HEADs that go on being answered do not end", async () => {
    hub.push("team/app", "1", createImage([syntheticContent(10)]));
    hub.push("team/cold", "1", createImage([syntheticContent(11)]));
    hub.remaining = 1;
    expect((await ask("team/app/manifests/1")).status).toBe(200);
    expect((await ask("team/cold/manifests/1")).status).toBe(429);
    await shows("Docker Hub refuses pulls: its limit is used up.");
    expect((await ask("team/app/manifests/1")).headers.get("x-cache")).toBe("REVALIDATED");
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    await shows("Docker Hub refuses pulls: its limit is used up.");
    hub.remaining = 100;
    expect((await ask("team/cold/manifests/1")).status).toBe(200);
    await shows("All is well. Docker Hub answers.");
  });

  test("where it refuses the mirror's credentials", async () => {
    const { username } = hub.account;
    const wrong = { DOCKERHUB_USERNAME: username, DOCKERHUB_TOKEN: "dckr_pat_wrong" };
    const other = await startTestMirror({ UPSTREAM: hub.url, ...wrong });
    try {
      hub.push("team/app", "1", createImage([syntheticContent(10)]));
      expect((await ask("team/app/manifests/1", "GET", other)).status).toBe(503);
      await shows("Docker Hub refuses this mirror's credentials.", other);
    } finally {
      await other.stop();
    }
  });

  test("and twenty pulls from the store on end do not hide that it has been asked", async () => {
    const calm = await startTestMirror({ UPSTREAM: hub.url });
    try {
      hub.push("team/app", "1", createImage([syntheticContent(10)]));
      for (let n = 0; n < 22; n += 1) await ask("team/app/manifests/1", "GET", calm);
      await shows("All is well. Docker Hub answers.", calm);
    } finally {
      await calm.stop();
    }
  });
});

test("another registry's trouble is told by its name", async () => {
  const upstreams = JSON.stringify({ "ghcr.io": { url: "http://127.0.0.1:9" } });
  const other = await startTestMirror({ UPSTREAM: hub.url, UPSTREAMS: upstreams });
  try {
    hub.push("team/app", "1", createImage([syntheticContent(10)]));
    await ask("team/app/manifests/1", "GET", other);
    expect((await ask("ghcr.io/team/app/manifests/1", "GET", other)).status).toBe(502);
    await shows("ghcr.io cannot be reached.", other);
  } finally {
    await other.stop();
  }
});
