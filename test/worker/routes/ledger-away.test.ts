import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { ApiError } from "../../../worker/contract/error.ts";
import { bundleWorker } from "../../../worker/local/bundle.ts";
import { CONTROL } from "../../faults/worker/fault.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { createImage } from "../../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";

let hub: FakeHub;
let mirror: TestMirror;

beforeAll(async () => {
  hub = await startFakeHub();
  const script = bundleWorker(new URL("../../faults/worker/index.ts", import.meta.url));
  mirror = await startTestMirror({ UPSTREAM: hub.url }, { script });
  hub.push("team/app", "1", createImage([]));
});
afterAll(async () => {
  await mirror.stop();
  await hub.close();
});
afterEach(() => setLedger("none"));

async function setLedger(kind: "none" | "hang" | "fail"): Promise<void> {
  await mirror.fetch(`${CONTROL}/ledger?name=${kind}`, { method: "POST" });
}

/** Nobody waits longer for a page. */
const PATIENCE_MS = 12_000;

describe.each(["hang", "fail"] as const)("where every call of the ledger would %s", (kind) => {
  test.each(["/api/pulls", "/api/catalog", "/api/stats", "/metrics"])(
    "%s says in time that it cannot tell now, and when to ask again",
    async (path) => {
      await setLedger(kind);
      const response = await mirror.fetch(path, { signal: AbortSignal.timeout(PATIENCE_MS) });
      expect(response.status).toBe(503);
      expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
      const { errors } = ApiError.parse(await response.json());
      expect(errors[0]?.message).toBe("the mirror's records cannot be read just now");
    },
  );

  test("the page says so in time, and what is stored", async () => {
    await setLedger(kind);
    // Pulls do not depend on it.
    const path = "/v2/team/app/manifests/1";
    expect((await mirror.fetch(path, { signal: AbortSignal.timeout(PATIENCE_MS) })).status).toBe(
      200,
    );
    const response = await mirror.fetch("/", { signal: AbortSignal.timeout(PATIENCE_MS) });
    expect(response.status).toBe(200);
    const page = await response.text();
    expect(page).toContain("The pull log cannot be read just now.");
    expect(page).toContain("team/app");
  });
});

test("it is well again as soon as the ledger is", async () => {
  await setLedger("hang");
  await setLedger("none");
  await vi.waitFor(async () => expect((await mirror.fetch("/api/stats")).status).toBe(200));
});
