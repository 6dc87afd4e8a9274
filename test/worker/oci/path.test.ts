import { describe, expect, test } from "vitest";
import {
  digestAlgorithm,
  digestHex,
  formatDigest,
  parseDigest,
} from "../../../worker/oci/digest.ts";
import { ERROR_CODES, type ErrorCode, RegistryError } from "../../../worker/oci/error-code.ts";
import { parseDistributionPath } from "../../../worker/oci/path.ts";
import {
  formatRepository,
  parseRegistry,
  parseRepositoryPath,
} from "../../../worker/oci/reference.ts";

const SHA256 = `sha256:${"a1".repeat(32)}`;
const SHA512 = `sha512:${"b2".repeat(64)}`;
const ALPINE = { registry: "docker.io", name: "library/alpine", written: "alpine" };
const OTHER = { registry: "ghcr.io", name: "owner/image", written: "ghcr.io/owner/image" };

/** path, `ns`, what it is */
const PATHS = [
  ["/v2", null, { kind: "base" }],
  ["/v2/", null, { kind: "base" }],
  ["/v2/_catalog", null, { kind: "catalog" }],
  ["/v2/alpine/tags/list", null, { kind: "tags", ...ALPINE }],
  [
    "/v2/alpine/manifests/3.20",
    null,
    { kind: "manifest", ...ALPINE, target: { kind: "tag", tag: "3.20" } },
  ],
  [
    `/v2/alpine/manifests/${SHA256}`,
    null,
    { kind: "manifest", ...ALPINE, target: { kind: "digest", digest: SHA256 } },
  ],
  [
    `/v2/alpine/manifests/${SHA256.replace(":", "%3A")}`,
    null,
    { kind: "manifest", ...ALPINE, target: { kind: "digest", digest: SHA256 } },
  ],
  [`/v2/alpine/blobs/${SHA512}`, null, { kind: "blob", ...ALPINE, digest: SHA512 }],
  [`/v2/alpine/referrers/${SHA256}`, null, { kind: "referrers", ...ALPINE, digest: SHA256 }],
  [`/v2/alpine/blobs/uploads/`, null, { kind: "upload" }],
  [`/v2/a/b/blobs/uploads/some-id`, null, { kind: "upload" }],
  ["/v2/ghcr.io/owner/image/tags/list", null, { kind: "tags", ...OTHER }],
  ["/v2/owner/image/tags/list", "GHCR.io", { kind: "tags", ...OTHER, written: "owner/image" }],
  ["/v2/alpine/tags/list", "docker.io", { kind: "tags", ...ALPINE }],
  [
    "/v2/blobs/manifests/tags/list",
    null,
    { kind: "tags", registry: "docker.io", name: "blobs/manifests", written: "blobs/manifests" },
  ],
] as const;

test.each(PATHS)("%s with ns %s is read", (path, namespace, expected) =>
  expect(parseDistributionPath(path, namespace)).toEqual(expected),
);

/** path, the code it is refused with, its status */
const REFUSED = [
  ["/v3/", "NAME_UNKNOWN", 404],
  ["/x/v2/alpine/tags/list", "NAME_UNKNOWN", 404],
  ["/v2/alpine/tags/list/x", "NAME_UNKNOWN", 404],
  ["/v2/alpine/tags", "NAME_UNKNOWN", 404],
  ["/v2/tags/list", "NAME_UNKNOWN", 404],
  ["/v2/alpine/manifests/", "NAME_UNKNOWN", 404],
  ["/v2/alpine/manifests/a/b", "NAME_UNKNOWN", 404],
  [`/v2/${"a/".repeat(510)}a/tags/list`, "NAME_UNKNOWN", 404],
  ["/v2/UPPER/tags/list", "NAME_INVALID", 400],
  ["/v2/ghcr.io/UPPER/tags/list", "NAME_INVALID", 400],
  ["/v2/gh_cr.io:x/owner/image/tags/list", "NAME_INVALID", 400],
  ["/v2/alpine/blobs/sha256:short", "DIGEST_INVALID", 400],
  ["/v2/alpine/blobs/latest", "DIGEST_INVALID", 400],
  ["/v2/alpine/blobs/uploads", "DIGEST_INVALID", 400],
  ["/v2/alpine/referrers/sha256:short", "DIGEST_INVALID", 400],
  ["/v2/alpine/manifests/sha256:short", "DIGEST_INVALID", 400],
  ["/v2/alpine/manifests/.dot", "MANIFEST_UNKNOWN", 404],
] as const;

test.each(REFUSED)("%s is refused with %s", (path, code, status) => {
  expect(() => parseDistributionPath(path, null)).toThrow(
    expect.objectContaining({ code, status, message: expect.stringMatching(/\w/) }),
  );
});

test("a path of the greatest length is read, and none longer", () => {
  const suffix = `/blobs/${SHA512}`;
  const [longest, longer] = [255, 256].map((length) => `localhost/${"a".repeat(length)}`);
  expect(parseDistributionPath(`/v2/${longest}${suffix}`, null)).toMatchObject({ kind: "blob" });
  expect(() => parseDistributionPath(`/v2/${longer}${suffix}`, null)).toThrow(
    expect.objectContaining({ code: "NAME_INVALID" }),
  );
});

describe("a registry", () => {
  test.each([
    ["ghcr.io", "ghcr.io"],
    ["GHCR.IO", "ghcr.io"],
    ["localhost", "localhost"],
    ["localhost:5000", "localhost:5000"],
    ["docker.io", "docker.io"],
    ["index.docker.io", "docker.io"],
    ["registry-1.docker.io", "docker.io"],
    ["library", null],
    ["", null],
    ["a.b/c", null],
    [`${"a".repeat(257)}.io`, `${"a".repeat(257)}.io`],
    [`${"a".repeat(258)}.io`, null],
  ])("%s is %s", (text, expected) => expect(parseRegistry(text)).toBe(expected));

  test("named apart from the repository makes a first part with a dot a part of the name", () => {
    expect(parseRepositoryPath("a.b/c", "ghcr.io")).toEqual({
      registry: "ghcr.io",
      repository: "a.b/c",
    });
    expect(parseRepositoryPath("a.b/c", null)).toEqual({ registry: "a.b", repository: "c" });
    expect(parseRepositoryPath("alpine", "no host")).toBeNull();
    expect(parseRepositoryPath("quay.io/alpine", null)).toEqual({
      registry: "quay.io",
      repository: "alpine",
    });
  });

  test("is shown before its repositories, Docker Hub's excepted", () => {
    expect(formatRepository("docker.io", "library/alpine")).toBe("library/alpine");
    expect(formatRepository("ghcr.io", "owner/image")).toBe("ghcr.io/owner/image");
  });
});

test("a digest is taken apart and put together", () => {
  for (const text of [SHA256, SHA512]) {
    const digest = parseDigest(text);
    if (digest === null) throw new Error("it is a digest");
    const hash = Uint8Array.from(Buffer.from(digestHex(digest), "hex")).buffer;
    expect(formatDigest(digestAlgorithm(digest), hash)).toBe(text);
  }
  expect(formatDigest("sha256", Uint8Array.of(0, 10, 255).buffer)).toBe("sha256:000aff");
});

/** @see OCI distribution spec v1.1.1, "Error Codes" and "API": the statuses of its end-points */
const STATUSES: Record<ErrorCode, number> = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 404,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  UNSUPPORTED: 405,
  TOOMANYREQUESTS: 429,
};

describe("an error", () => {
  test.each(Object.entries(STATUSES))("%s has the status %d and says something", (code, status) => {
    const error = new RegistryError(code as ErrorCode);
    expect(error).toMatchObject({ code, status, headers: {} });
    expect(error.message).toMatch(/^[a-z ]{10,}$/);
    expect(Object.keys(ERROR_CODES)).toContain(code);
  });

  test("can say more than its code", () => {
    const cause = new Error("why");
    const headers = { "Retry-After": "1" };
    const options = { status: 503, message: "not now", detail: 7, headers, cause };
    expect(new RegistryError("TOOMANYREQUESTS", options)).toMatchObject(options);
  });
});
