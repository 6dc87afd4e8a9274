import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FakeHub, startFakeHub } from "../helpers/fake-hub/hub.ts";
import { TYPES, createImage, createIndex, syntheticContent } from "../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../helpers/mirror.ts";
import { CONFORMANCE, installGoProgram } from "./go-programs.ts";

const MIB = 1024 * 1024;
const REPOSITORY = "library/tide";

const program = await installGoProgram(CONFORMANCE);

/** One line of the suite's report: a test's name without the suite's own, and how it went. */
interface Line {
  readonly name: string;
  readonly status: string;
}

/**
 * The distribution specification's own suite, with all that needs no push. Two of its switches:
 * - what pushes or deletes is disabled, as the suite wants it for a registry that is read-only
 * - `MANIFESTS_DIGEST_HEADER` is off: for manifests that it has not pushed itself the suite drops the answer before it
 *   looks for the header (`api.go`, `ManifestGetExists`), and finds none at any registry
 */
describe.skipIf(program === null)("the OCI conformance suite (skipped without Go)", () => {
  let hub: FakeHub;
  let mirror: TestMirror;
  let folder: string;
  let settings: Record<string, string>;

  beforeAll(async () => {
    hub = await startFakeHub();
    hub.hasReferrers = true;
    const oci = createImage(
      [syntheticContent(3000), syntheticContent(20 * MIB)],
      TYPES.ociManifest,
    );
    const docker = createImage([syntheticContent(3 * MIB)]);
    const index = createIndex([oci, docker]);
    hub.push(REPOSITORY, "oci", oci);
    hub.push(REPOSITORY, "docker", docker);
    hub.push(REPOSITORY, "index", index);
    const manifests = [oci.manifest, docker.manifest, index].map(({ content }) => content.digest);
    const subject = oci.manifest.content.digest;
    const { mediaType, content } = docker.manifest;
    const descriptor = { mediaType, digest: content.digest, size: content.size };
    hub.repository(REPOSITORY).referrers.set(subject, [{ ...descriptor, artifactType: "a/sbom" }]);
    mirror = await startTestMirror({ UPSTREAM: hub.url });
    folder = await mkdtemp(join(tmpdir(), "tidepool-conformance-"));
    settings = {
      OCI_REGISTRY: mirror.url.host,
      OCI_TLS: "disabled",
      OCI_VERSION: "1.1",
      OCI_REPO1: REPOSITORY,
      OCI_API_PUSH: "false",
      OCI_API_BLOBS_DELETE: "false",
      OCI_API_MANIFESTS_DELETE: "false",
      OCI_API_TAGS_DELETE: "false",
      OCI_API_BLOBS_DIGEST_HEADER: "true",
      OCI_RO_DATA_TAGS: "oci docker index",
      OCI_RO_DATA_MANIFESTS: manifests.join(" "),
      OCI_RO_DATA_BLOBS: [...oci.blobs, ...docker.blobs].map(({ digest }) => digest).join(" "),
      OCI_RO_DATA_REFERRERS: subject,
      OCI_RESULTS_DIR: folder,
    };
  });
  afterAll(async () => {
    await mirror.stop();
    await hub.close();
    await rm(folder, { recursive: true, force: true });
  });

  test.each(["cold", "warm"])("passes, %s, and skips nothing that could run", async () => {
    const lines = readReport(await runSuite(settings));
    const left = lines.filter(({ status }) => status !== "Pass");
    // Whatever pushes or deletes, and no more.
    for (const { name, status } of left) {
      expect(status, name).toBe("Disabled");
      expect(name).toMatch(/^(?:sha\d+ blobs)$|\/(?:push|manifest-put|delete)(?:\/|$)/);
    }
    const passed = lines.filter(({ status }) => status === "Pass").map(({ name }) => name);
    expect(tally(passed)).toEqual({
      ping: 1,
      empty: 1,
      "empty/tag list": 1,
      "empty/referrers": 1,
      "read-only": 1,
      "read-only/tag-list": 1,
      "read-only/head": 1,
      "read-only/head/manifest-head-by-tag": 3,
      "read-only/head/manifest-head-by-digest": 3,
      "read-only/head/blob-head": 5,
      "read-only/pull": 1,
      "read-only/pull/manifest-by-tag": 3,
      "read-only/pull/manifest-by-digest": 3,
      "read-only/pull/blob-get": 5,
      "read-only/referrers": 1,
      "missing-manifest": 1,
      "missing-manifest/by-digest": 1,
      "missing-manifest/by-tag": 1,
      "invalid-digest-format": 1,
      "invalid-digest-format/manifest-get": 1,
    });
  });
});

/** Gives what the suite printed. Its exit code says nothing: without pushes it fails to write its YAML, after the report. */
function runSuite(settings: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve) => {
    execFile(program ?? "", [], { env: settings, timeout: 60_000 }, (_error, stdout) =>
      resolve(stdout),
    );
  });
}

function readReport(report: string): Line[] {
  const found = report.matchAll(/^ *OCI Conformance Test\/(.+): (\w+)$/gm);
  return [...found].map(([, name = "", status = ""]) => ({ name, status }));
}

function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
