import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { doctor } from "../../../bot/commands/doctor.ts";
import { noFaults } from "../../helpers/fake-hub/faults.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { createImage, createIndex, syntheticContent } from "../../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";
import { runCommand } from "../../helpers/run-command.ts";
import { closing, diagnose, statuses } from "./run.ts";

const ADMIN_TOKEN = "correct-horse-battery";

let hub: FakeHub;

beforeAll(async () => {
  hub = await startFakeHub();
});
afterAll(() => hub.close());
beforeEach(() => {
  hub.faults = noFaults();
  hub.remaining = 100;
  const image = createImage([syntheticContent(5000)]);
  hub.push("library/hello-world", "latest", image);
  hub.push("library/many", "amd64", image);
  hub.push("library/many", "1", createIndex([image]));
});

async function start(variables: Record<string, string> = {}): Promise<TestMirror> {
  const mirror = await startTestMirror({ UPSTREAM: hub.url, ADMIN_TOKEN, ...variables });
  closing(() => mirror.stop());
  return mirror;
}

describe("a mirror that works", () => {
  it("is fine in every check, and is asked for one counted pull", async () => {
    const mirror = await start();
    hub.forget();
    const found = await diagnose(mirror.url.origin, [], { TIDEPOOL_TOKEN: ADMIN_TOKEN });
    expect(statuses(found)).toEqual({
      reach: "ok",
      tls: "ok",
      api: "ok",
      access: "ok",
      pull: "ok",
      quota: "ok",
      // workerd by itself sends no Date; Cloudflare's edge does.
      clock: "unknown",
      version: "ok",
    });
    expect(found.checks["clock"]?.detail).toContain("no Date to compare, as is usual");
    expect(found.exitCode).toBe(0);
    expect(found.checks["pull"]?.measured).toMatchObject({ outcome: "MISS", againOutcome: "HIT" });
    expect(found.checks["quota"]?.measured).toMatchObject({ limit: 100 });
    expect(found.checks["version"]?.detail).toBe("Tidepool 0.1.0");
    expect(hub.pulls()).toBe(1);
    const again = await diagnose(mirror.url.origin);
    expect(again.checks["pull"]?.measured).toMatchObject({ outcome: "HIT" });
    expect(hub.pulls()).toBe(1);
  });

  it("says what it cannot know without the token, and what would tell it", async () => {
    const mirror = await start();
    const found = await diagnose(mirror.url.origin);
    expect(found.exitCode).toBe(0);
    for (const id of ["quota", "version"])
      expect(found.checks[id]).toMatchObject({
        status: "unknown",
        advice: "set TIDEPOOL_TOKEN to see it",
      });
  });

  it("is told in lines for people, each with what to do", async () => {
    const mirror = await start();
    const args = ["--mirror", mirror.url.origin, "--image", "many:1"];
    const { stdout } = await runCommand(doctor, args, {});
    expect(stdout).toContain(`${mirror.url.origin}\n  ok       reach    127.0.0.1 port`);
    expect(stdout).toMatch(
      / {2}ok {7}pull {5}library\/many: manifest in \d+ ms \(MISS\), 2 blobs of/,
    );
    expect(stdout).toContain(`${" ".repeat(20)}set TIDEPOOL_TOKEN to see it\n`);
    expect(stdout.endsWith("the mirror works, 3 not known\n")).toBe(true);
  });

  it("refuses a wrong TIDEPOOL_TOKEN, which is named nowhere", async () => {
    const mirror = await start();
    const token = "wrong-horse-battery-staple";
    const found = await diagnose(mirror.url.origin, [], { TIDEPOOL_TOKEN: token });
    expect(found.checks["quota"]).toMatchObject({ status: "warning" });
    expect(found.checks["quota"]?.detail).toContain("refuses the token in TIDEPOOL_TOKEN");
    expect(found.stdout).not.toContain(token);
  });
});

it("pulls another registry's image where one is named, and from nowhere else", async () => {
  const other = await startFakeHub();
  closing(() => other.close());
  other.push("team/tool", "2", createImage([syntheticContent(700)]));
  const UPSTREAMS = JSON.stringify({ "registry.example": { url: other.url } });
  const mirror = await start({ UPSTREAMS });
  hub.forget();
  const found = await diagnose(mirror.url.origin, ["--image", "registry.example/team/tool:2"]);
  expect(found.checks["pull"]).toMatchObject({ status: "ok" });
  expect(other.pulls("team/tool")).toBe(1);
  expect(hub.log).toEqual([]);
  const unknown = await diagnose(mirror.url.origin, ["--image", "elsewhere.example/team/tool:2"]);
  expect(unknown.checks["pull"]?.status).toBe("failed");
});

describe("a mirror whose upstream has trouble", () => {
  it("is failed with the limit's name where Docker Hub says 429", async () => {
    const mirror = await start();
    hub.remaining = 0;
    const found = await diagnose(mirror.url.origin, [], { TIDEPOOL_TOKEN: ADMIN_TOKEN });
    expect(found.exitCode).toBe(1);
    expect(found.checks["pull"]).toMatchObject({ status: "failed" });
    expect(found.checks["pull"]?.detail).toContain("manifest latest: answered 429");
    expect(found.checks["pull"]?.advice).toContain("DOCKERHUB_USERNAME");
  });

  it("is warned of where the limit is nearly reached", async () => {
    const mirror = await start();
    hub.remaining = 6;
    const found = await diagnose(mirror.url.origin, [], { TIDEPOOL_TOKEN: ADMIN_TOKEN });
    expect(found.exitCode).toBe(0);
    expect(found.checks["quota"]).toMatchObject({ status: "warning" });
    expect(found.checks["quota"]?.detail).toMatch(
      /^\d of 100 pulls left at Docker Hub in 6 h \(anonymous\)$/,
    );
  });

  it("is warned of where it serves from its store alone", async () => {
    const mirror = await start({ TAG_TTL_SECONDS: "0" });
    await diagnose(mirror.url.origin);
    hub.faults.registry = "503";
    const found = await diagnose(mirror.url.origin);
    expect(found.exitCode).toBe(0);
    expect(found.checks["pull"]).toMatchObject({ status: "warning" });
    expect(found.checks["pull"]?.advice).toContain("served from the store");
  });

  it.each(["503", "reset"] as const)("is failed where Docker Hub is away: %s", async (outage) => {
    const mirror = await start();
    hub.faults.registry = outage;
    const found = await diagnose(mirror.url.origin);
    expect(found.checks["pull"]?.status).toBe("failed");
    expect(found.checks["pull"]?.advice).toContain("does not reach its upstream");
  });

  it("is failed in words of an image where Docker Hub has none such", async () => {
    const mirror = await start();
    const found = await diagnose(mirror.url.origin, ["--image", "team/none:9"]);
    expect(found.checks["pull"]?.detail).toContain("manifest 9: answered 404");
    expect(found.checks["pull"]?.advice).toContain("name another with --image");
  });
});

it("says of a closed mirror that this client is refused, and tries no pull", async () => {
  const mirror = await start({ ACCESS: "" });
  hub.forget();
  const found = await diagnose(mirror.url.origin);
  expect(found.exitCode).toBe(1);
  expect(found.checks["api"]?.status).toBe("ok");
  expect(found.checks["access"]?.detail).toBe("this client is refused (403)");
  expect(found.checks["pull"]).toMatchObject({ detail: "not tried, since access failed" });
  expect(hub.log).toEqual([]);
});
