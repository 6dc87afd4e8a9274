import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseDigest } from "../../../worker/oci/digest.ts";
import { formatImageReference, parseImageReference } from "../../../worker/oci/reference.ts";
import { canonicalDockerHubName, parseRepository } from "../../../worker/oci/repository.ts";
import { parseTag, parseTagOrDigest } from "../../../worker/oci/tag.ts";

const HEX = "a".repeat(64);

test.each([
  "alpine",
  "library/alpine",
  "a/b/c",
  "a.b_c__d-e--f/g0",
  "ab.cd/ef--gh/ij__kl",
  "a".repeat(255),
])("%s is a repository", (name) => expect(parseRepository(name)).toBe(name));
test.each([
  "",
  "A",
  "a//b",
  "/a",
  "a/",
  "a..b",
  "a___b",
  "-a",
  "a-",
  "a b",
  "a\n",
  "ä",
  "a".repeat(256),
])("%j is no repository", (name) => expect(parseRepository(name)).toBeNull());
test.each(["latest", "1.2.3", "_x", "a".repeat(128)])("%s is a tag", (tag) =>
  expect(parseTag(tag)).toBe(tag),
);
test.each(["", ".x", "-x", "a/b", "a:b", "a".repeat(129), "a\n"])("%j is no tag", (tag) =>
  expect(parseTag(tag)).toBeNull(),
);
test.each([`sha256:${HEX}`, `sha512:${HEX}${HEX}`])("%s is a digest", (text) =>
  expect(parseDigest(text)).toBe(text),
);
test.each([
  "",
  "sha256:",
  `sha256:${HEX}0`,
  `sha256:${HEX}/../x`,
  `sha256:${HEX}\n`,
  `../sha256:${HEX}`,
  `sha256:${"A".repeat(64)}`,
  `md5:${HEX}`,
  `sha512:${HEX}`,
  HEX,
])("%s is no digest", (text) => expect(parseDigest(text)).toBeNull());
test("a colon makes it a digest or nothing", () => {
  expect(parseTagOrDigest(`sha256:${HEX}`)).toEqual({ kind: "digest", digest: `sha256:${HEX}` });
  expect(parseTagOrDigest("a:b")).toBeNull();
  expect(parseTagOrDigest("latest")).toEqual({ kind: "tag", tag: "latest" });
});
test("only one-segment names are official", () => {
  expect(canonicalDockerHubName(parseRepository("alpine")!)).toBe("library/alpine");
  expect(canonicalDockerHubName(parseRepository("a/b")!)).toBe("a/b");
});

describe("an image reference", () => {
  test.each([
    ["alpine", "docker.io/library/alpine:latest"],
    ["alpine:3.20", "docker.io/library/alpine:3.20"],
    ["team/app", "docker.io/team/app:latest"],
    ["docker.io/alpine", "docker.io/library/alpine:latest"],
    ["index.docker.io/library/alpine:1", "docker.io/library/alpine:1"],
    ["registry.hub.docker.com/library/alpine", "docker.io/library/alpine:latest"],
    ["registry.docker.io/alpine", "docker.io/library/alpine:latest"],
    ["ghcr.io/owner/app:v1", "ghcr.io/owner/app:v1"],
    ["localhost/app", "localhost/app:latest"],
    ["localhost:5000/app:1", "localhost:5000/app:1"],
    ["[2001:db8::1]:5000/app", "[2001:db8::1]:5000/app:latest"],
    ["Upper/app", "Upper/app:latest"],
    [`sha256:${HEX}`, `docker.io/library/sha256:${HEX}`],
    [`alpine@sha256:${HEX}`, `docker.io/library/alpine@sha256:${HEX}`],
    [`alpine:3@sha256:${HEX}`, `docker.io/library/alpine:3@sha256:${HEX}`],
  ])("%s is %s", (written, full) => {
    const reference = parseImageReference(written);
    expect(reference).not.toBeNull();
    if (reference !== null) expect(formatImageReference(reference)).toBe(full);
  });
  test.each([
    "",
    "$IMAGE",
    "${CI_REGISTRY}/a",
    "a b",
    "A/b/",
    "alpine:",
    "alpine@sha256:1",
    "https://x/y",
    "a/B",
  ])("%j is none", (written) => expect(parseImageReference(written)).toBeNull());
  test("that is written out in full reads back the same, and nothing throws", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 80 }), (text) => {
        const reference = parseImageReference(text);
        if (reference === null) return;
        expect(parseImageReference(formatImageReference(reference))).toEqual(reference);
      }),
    );
  });
});
