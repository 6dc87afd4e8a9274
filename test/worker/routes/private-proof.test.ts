import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { receive } from "../../helpers/bytes.ts";
import { noFaults } from "../../helpers/fake-hub/faults.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { type Image, createImage, syntheticContent } from "../../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";

let hub: FakeHub;
let variables: Record<string, string>;

beforeAll(async () => {
  hub = await startFakeHub();
  const { username, password } = hub.account;
  variables = {
    UPSTREAM: hub.url,
    DOCKERHUB_USERNAME: username,
    DOCKERHUB_TOKEN: password,
    TAG_TTL_SECONDS: "3600",
  };
});
afterAll(() => hub.close());
beforeEach(() => {
  hub.forget();
  hub.faults = noFaults();
});

/** Pulls as a client does. @returns the statuses */
async function pull(repository: string, image: Image, { from }: { from: TestMirror }) {
  const { digest } = image.manifest.content;
  const statuses: number[] = [];
  for (const path of ["manifests/1", `manifests/${digest}`])
    statuses.push((await from.fetch(`/v2/${repository}/${path}`)).status);
  for (const blob of image.blobs) {
    const received = await receive(from.fetch(`/v2/${repository}/blobs/${blob.digest}`));
    statuses.push(received.status);
  }
  return new Set(statuses);
}

describe("once its proof is over, a repository", () => {
  test("that nobody can say anything of is served on its last proof", async () => {
    const strict = await startTestMirror({ ...variables, PUBLIC_TTL_SECONDS: "0" });
    try {
      const image = createImage([syntheticContent(100)]);
      hub.push("acme/believed", "1", image);
      expect(await pull("acme/believed", image, { from: strict })).toEqual(new Set([200]));
      hub.faults.registry = "429";
      expect(await pull("acme/believed", image, { from: strict })).toEqual(new Set([200]));
    } finally {
      await strict.stop();
    }
  });

  test("that may have turned private has what is stored, and nothing new in the account's name", async () => {
    const strict = await startTestMirror({
      ...variables,
      PUBLIC_TTL_SECONDS: "0",
      TAG_TTL_SECONDS: "0",
    });
    try {
      const image = createImage([syntheticContent(100), syntheticContent(200)]);
      hub.push("acme/doubted", "1", image);
      const [config, layer, later] = image.blobs.map(({ digest }) => `blobs/${digest}`);
      const ask = async (path: string | undefined, method = "GET") =>
        (await receive(strict.fetch(`/v2/acme/doubted/${path}`, { method }))).status;
      const old = `manifests/${image.manifest.content.digest}`;
      for (const path of ["manifests/1", config, layer]) expect(await ask(path)).toBe(200);
      const fresh = createImage([syntheticContent(100)]);
      hub.push("acme/doubted", "1", fresh);
      hub.push("acme/doubted", "2", fresh);
      hub.repository("acme/doubted").isPrivate = true;
      hub.faults.anonymous = "429";
      hub.forget();
      for (const path of ["manifests/1", old, config, layer])
        expect([path, await ask(path)]).toEqual([path, 200]);
      const digests = [fresh.manifest.content, ...fresh.blobs].map(({ digest }) => digest);
      const news = [`manifests/${digests[0]}`, ...digests.slice(1).map((d) => `blobs/${d}`)];
      for (const path of ["manifests/2", ...news, later])
        for (const method of ["GET", "HEAD"])
          expect([path, await ask(path, method)]).toEqual([path, 429]);
      const withAccount = hub.requests("token").filter(({ headers }) => headers.authorization);
      expect(withAccount).toEqual([]);
      expect(hub.pulls()).toBe(0);
    } finally {
      await strict.stop();
    }
  });

  test("that turned private is refused by tag, digest and layer until it is public again", async () => {
    const strict = await startTestMirror({ ...variables, PUBLIC_TTL_SECONDS: "0" });
    try {
      const image = createImage([syntheticContent(100)]);
      hub.push("acme/turns", "1", image);
      await pull("acme/turns", image, { from: strict });
      hub.repository("acme/turns").isPrivate = true;
      expect(await pull("acme/turns", image, { from: strict })).toEqual(new Set([404]));
      // A refusal is remembered through an outage.
      hub.faults.registry = "503";
      expect(await pull("acme/turns", image, { from: strict })).not.toContain(200);
      hub.faults = noFaults();
      hub.repository("acme/turns").isPrivate = false;
      expect(await pull("acme/turns", image, { from: strict })).toEqual(new Set([200]));
    } finally {
      await strict.stop();
    }
  });
});
