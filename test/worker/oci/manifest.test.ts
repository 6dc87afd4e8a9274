import { describe, expect, test } from "vitest";
import { MAX_MANIFEST_BYTES, readManifest } from "../../../worker/oci/manifest.ts";
import { MANIFEST_ACCEPT, parseMediaType } from "../../../worker/oci/media-type.ts";
import { parseContentRange, parseRange, resolveRange } from "../../../worker/oci/range.ts";

const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json";
const DOCKER = "application/vnd.docker.distribution.manifest.v2+json";

function descriptor(letter: string, size: unknown = 1): { digest: string; size: unknown } {
  return { digest: `sha256:${letter.repeat(64)}`, size };
}

describe("what a manifest names", () => {
  test("is its config and layers, in this order, and its subject", () => {
    const body = {
      config: { ...descriptor("a"), mediaType: "application/config" },
      layers: [descriptor("b", 2), descriptor("c", 3)],
      subject: descriptor("e", 5),
    };
    expect(readManifest(JSON.stringify(body), null)).toEqual({
      kind: "image",
      mediaType: OCI_MANIFEST,
      manifests: [],
      blobs: [
        { ...descriptor("a"), mediaType: "application/config" },
        { ...descriptor("b", 2), mediaType: "" },
        { ...descriptor("c", 3), mediaType: "" },
      ],
      subject: { ...descriptor("e", 5), mediaType: "" },
    });
  });

  test.each([
    [OCI_MANIFEST, ["a", "b"]],
    [DOCKER, ["a", "b"]],
    [ARTIFACT, ["d"]],
    [OCI_INDEX, []],
    ["application/vnd.docker.distribution.manifest.list.v2+json", []],
  ])("is as %s what a registry has looked at when it was pushed", (type, letters) => {
    const all = {
      mediaType: type,
      config: descriptor("a"),
      layers: [descriptor("b")],
      blobs: [descriptor("d")],
    };
    const digests = letters.map((letter) => descriptor(letter).digest);
    for (const sent of [type, null])
      expect(readManifest(JSON.stringify(all), sent)?.blobs.map(({ digest }) => digest)).toEqual(
        digests,
      );
  });

  test("is none of the layers that are to be had elsewhere", () => {
    const layers = [
      { ...descriptor("a"), urls: ["https://example.com/layer"] },
      { ...descriptor("b"), urls: [] },
    ];
    const read = readManifest(JSON.stringify({ layers }), DOCKER);
    expect(read?.blobs.map(({ digest }) => digest)).toEqual([descriptor("b").digest]);
  });

  test("is an index's manifests", () => {
    const body = { manifests: [{ ...descriptor("a"), mediaType: DOCKER }] };
    expect(readManifest(JSON.stringify(body), null)).toEqual({
      kind: "index",
      mediaType: OCI_INDEX,
      manifests: [{ ...descriptor("a"), mediaType: DOCKER }],
      blobs: [],
      subject: null,
    });
  });

  test.each([
    [null],
    ["a text"],
    [7],
    [{ size: 1 }],
    [{ digest: 7, size: 1 }],
    [{ digest: "sha256:short", size: 1 }],
    [{ digest: [descriptor("a").digest], size: 1 }],
    [descriptor("a", "1")],
    [descriptor("a", 1.5)],
    [descriptor("a", null)],
  ])("leaves out %j, and keeps what is beside it", (odd) => {
    const read = readManifest(JSON.stringify({ layers: [odd, descriptor("b")] }), null);
    expect(read?.blobs.map(({ digest }) => digest)).toEqual([descriptor("b").digest]);
  });

  test.each(["null", "[]", "7", '"text"', "{", ""])("%s is none", (text) =>
    expect(readManifest(text, DOCKER)).toBeNull(),
  );
});

const SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/** what was sent, what is written in it, what it is */
const MEDIA_TYPES = [
  [DOCKER, OCI_MANIFEST, DOCKER],
  [`${DOCKER}; charset=utf-8`, null, DOCKER],
  ["application/json", DOCKER, DOCKER],
  ["text/plain; charset=utf-8", DOCKER, DOCKER],
  ["application/json", null, OCI_MANIFEST],
  ["no media type", DOCKER, DOCKER],
  [null, DOCKER, DOCKER],
  [null, 7, OCI_MANIFEST],
  [null, null, OCI_MANIFEST],
  // What a browser would take for a page.
  ["text/html", DOCKER, DOCKER],
  ["text/html", "text/html", OCI_MANIFEST],
  ["application/xhtml+xml", null, OCI_MANIFEST],
  ["image/svg+xml", null, OCI_MANIFEST],
  [null, "application/javascript", OCI_MANIFEST],
  ["application/vnd.docker.distribution.manifest.v1+prettyjws", null, SCHEMA_1],
  ["application/vnd.wasm.config.v1+json", DOCKER, "application/vnd.wasm.config.v1+json"],
] as const;

test.each(MEDIA_TYPES)("sent as %s with %s in it, a manifest is %s", (sent, mediaType, expected) =>
  expect(readManifest(JSON.stringify({ mediaType }), sent)?.mediaType).toBe(expected),
);

test.each([
  [" Application/JSON ; charset=utf-8", "application/json"],
  ["x application/json", null],
  ["application/json x", null],
  ["application", null],
  ["", null],
])("%j as a media type is %s", (header, expected) => expect(parseMediaType(header)).toBe(expected));

test("an upstream is asked for every kind of manifest, and last and least for anything", () => {
  const kinds = [
    OCI_INDEX,
    OCI_MANIFEST,
    "application/vnd.docker.distribution.manifest.list.v2+json",
    DOCKER,
  ];
  expect(MANIFEST_ACCEPT).toBe(`${kinds.join(", ")}, */*;q=0.1`);
});

test("a manifest may be 4 MiB", () => expect(MAX_MANIFEST_BYTES).toBe(4_194_304));

test("a range is read as what is asked for, whatever the size will be", () => {
  expect(parseRange("bytes=0-9")).toEqual({ kind: "from", first: 0, last: 9 });
  expect(parseRange("bytes=7-")).toEqual({ kind: "from", first: 7, last: null });
  expect(parseRange("bytes=-7")).toEqual({ kind: "suffix", length: 7 });
});

/** header, what it asks of 100 bytes */
const RANGES = [
  ["bytes=5-5", { first: 5, last: 5 }],
  [" bytes = 0 - 9 ", { first: 0, last: 9 }],
  ["BYTES=0-", { first: 0, last: 99 }],
  ["bytes=99-", { first: 99, last: 99 }],
  ["bytes=0-1000", { first: 0, last: 99 }],
  ["bytes=-1000", { first: 0, last: 99 }],
  ["bytes=-1", { first: 99, last: 99 }],
  ["bytes=100-", null],
  ["bytes=-0", null],
] as const;

test.each(RANGES)("%s is resolved", (header, expected) => {
  const spec = parseRange(header);
  if (spec === null) throw new Error("it is a range");
  expect(resolveRange(spec, 100)).toEqual(expected);
  expect(resolveRange(spec, 0)).toBeNull();
});

test.each([null, "", "xbytes=0-1", "bytesx=0-1", "bytes=0-1x", "bytes=2-1", "bytes=-", "0-1"])(
  "%j is no range",
  (header) => expect(parseRange(header)).toBeNull(),
);

test.each([
  ["bytes 0-9/10", { first: 0, last: 9, size: 10 }],
  ["  bytes   5-5/10  ", { first: 5, last: 5, size: 10 }],
  ["x bytes 0-9/10", null],
  ["bytes 0-9/10 x", null],
  ["bytes 0-10/10", null],
  ["bytes 9-0/10", null],
  ["bytes 0-9/*", null],
  [null, null],
])("%j as a Content-Range is %j", (header, expected) =>
  expect(parseContentRange(header)).toEqual(expected),
);
