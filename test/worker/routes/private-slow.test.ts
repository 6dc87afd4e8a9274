import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { receive } from "../../helpers/bytes.ts";
import { noFaults } from "../../helpers/fake-hub/faults.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { type Image, createImage, syntheticContent } from "../../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";

const SECRET = "tokenofthewholeteam2026";
const AS_TEAM = { headers: { authorization: `Bearer ${SECRET}` } };

let hub: FakeHub;
let secret: Image;
/** With the account that has seen `acme/secret`. */
let mirror: TestMirror;
/** Without it, on a store that was filled with it. */
let bereft: TestMirror;

beforeAll(async () => {
  hub = await startFakeHub();
  secret = createImage([syntheticContent(1000)]);
  hub.push("acme/secret", "1", secret);
  hub.repository("acme/secret").isPrivate = true;
  const { username, password } = hub.account;
  const rest = { UPSTREAM: hub.url, TAG_TTL_SECONDS: "0", ACCESS: "open token:team" };
  const bare = { ...rest, ACCESS_TOKENS: `team:${SECRET}` };
  const variables = {
    ...bare,
    DOCKERHUB_USERNAME: username,
    DOCKERHUB_TOKEN: password,
    PRIVATE_REPOSITORIES: "acme/secret",
  };
  [mirror, bereft] = await Promise.all([startTestMirror(variables), startTestMirror(variables)]);
  for (const from of [mirror, bereft]) {
    expect((await from.fetch("/v2/acme/secret/manifests/1", AS_TEAM)).status).toBe(200);
    for (const { digest } of secret.blobs)
      await receive(from.fetch(`/v2/acme/secret/blobs/${digest}`, AS_TEAM));
  }
  await bereft.restart(null, bare);
});
afterAll(async () => {
  await Promise.all([mirror.stop(), bereft.stop()]);
  await hub.close();
});
beforeEach(() => {
  hub.faults = noFaults();
});

/** What a stranger asks for, and what comes of it: answer, time and what is asked upstream. */
async function ask(from: TestMirror, repository: string, form: string) {
  const { digest } = secret.manifest.content;
  const layer = secret.blobs[1]!.digest;
  const path = { tag: "manifests/1", digest: `manifests/${digest}`, layer: `blobs/${layer}` };
  const [kind, method = "GET"] = form.split(" by ") as [keyof typeof path, string?];
  const before = performance.now();
  const response = await from.fetch(`/v2/${repository}/${path[kind]}`, { method });
  const body = await response.text();
  const seconds = Math.round((performance.now() - before) / 1000);
  const own = hub.log.filter(({ url }) => decodeURIComponent(url).includes(repository));
  return {
    status: response.status,
    body,
    seconds,
    asked: own.map(({ server, method: by }) => `${server} ${by}`),
  };
}

const SLOW = [
  ["hangs", { registry: "hang" as const }],
  ["takes three seconds", { delayMs: 3000 }],
] as const;

describe("a Docker Hub that is slow tells nobody what is cached of a private repository", () => {
  test.each(SLOW)("when it %s, with an account", { timeout: 120_000 }, async (_how, faults) => {
    Object.assign(hub.faults, faults);
    await expectAlike(mirror, ["tag", "digest by HEAD", "layer"]);
  });

  test.each(SLOW)("when it %s, the account gone", { timeout: 120_000 }, async (_how, faults) => {
    Object.assign(hub.faults, faults);
    await expectAlike(bereft, ["tag", "layer"]);
  });
});

/** At the same time, so that what was learnt of Docker Hub before is the same for both. */
async function expectAlike(from: TestMirror, forms: readonly string[]): Promise<void> {
  for (const form of forms) {
    hub.forget();
    const [held, missing] = await Promise.all([
      ask(from, "acme/secret", form),
      ask(from, "acme/absent", form),
    ]);
    expect([form, held]).toEqual([form, missing]);
    expect(held.status).toBeGreaterThanOrEqual(400);
  }
}
