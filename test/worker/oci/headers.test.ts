import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseChallenges } from "../../../worker/oci/challenge.ts";
import { formatNextLink, parseNextLink } from "../../../worker/oci/link.ts";
import { readManifest } from "../../../worker/oci/manifest.ts";
import { parseMediaType } from "../../../worker/oci/media-type.ts";
import {
  formatContentRange,
  parseContentRange,
  parseRange,
  resolveRange,
} from "../../../worker/oci/range.ts";

function challenges(header: string) {
  return parseChallenges(header).map(({ scheme, parameters }) => [
    scheme,
    Object.fromEntries(parameters),
  ]);
}

describe("WWW-Authenticate", () => {
  test.each([
    [
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
      [
        [
          "bearer",
          {
            realm: "https://auth.docker.io/token",
            service: "registry.docker.io",
            scope: "repository:a/b:pull,push",
          },
        ],
      ],
    ],
    ["Bearer realm = token , Service=x", [["bearer", { realm: "token", service: "x" }]]],
    ['BEARER Realm="a \\"quoted\\" b"', [["bearer", { realm: 'a "quoted" b' }]]],
    [
      'Basic realm="x", Bearer realm="y",service="z"',
      [
        ["basic", { realm: "x" }],
        ["bearer", { realm: "y", service: "z" }],
      ],
    ],
    [
      "Negotiate, Bearer realm=y",
      [
        ["negotiate", {}],
        ["bearer", { realm: "y" }],
      ],
    ],
    [
      "Negotiate dG9rZW42OA==, Basic realm=x",
      [
        ["negotiate", {}],
        ["basic", { realm: "x" }],
      ],
    ],
    [
      "Negotiate dG9rZW42O0E=, Basic realm=x",
      [
        ["negotiate", {}],
        ["basic", { realm: "x" }],
      ],
    ],
    [
      "Negotiate dG9rZW42OA== , Basic realm=x",
      [
        ["negotiate", {}],
        ["basic", { realm: "x" }],
      ],
    ],
    ["Negotiate dG9rZW42OA==", [["negotiate", {}]]],
    [",, Basic realm=x ,,", [["basic", { realm: "x" }]]],
    ["Bearer  realm  =  x", [["bearer", { realm: "x" }]]],
    ["Bearer realm=x, service = y", [["bearer", { realm: "x", service: "y" }]]],
    ["Bearer realm=first, realm=second", [["bearer", { realm: "first" }]]],
    ["Bearer realm=/path, Basic realm=x", [["bearer", {}]]],
    ["Bearer =x", [["bearer", {}]]],
    [
      'Bearer realm="x"service=y',
      [
        ["bearer", { realm: "x" }],
        ["service", {}],
      ],
    ],
    ['Bearer realm="unclosed', [["bearer", {}]]],
    ["", []],
    ["???", []],
  ])("%s", (header, expected) => expect(challenges(header)).toEqual(expected));

  test("reads back whatever parameters are written with quotes", () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9_-]{0,10}$/);
    const value = fc.string({ maxLength: 30 }).filter((text) => !/[\r\n]/.test(text));
    fc.assert(
      fc.property(fc.dictionary(name, value, { minKeys: 1, maxKeys: 5 }), (parameters) => {
        const written = Object.entries(parameters)
          .map(([key, text]) => `${key}="${text.replaceAll(/["\\]/g, "\\$&")}"`)
          .join(", ");
        expect(challenges(`Basic realm="r", Bearer ${written}`)).toEqual([
          ["basic", { realm: "r" }],
          ["bearer", { ...parameters }],
        ]);
      }),
    );
  });

  test("is read for 16 KiB", () => {
    const [all, cut] = [16_384, 16_385].map((length) => {
      const last = "Bearer realm=xyz";
      return challenges(`${"Basic realm=x".padEnd(length - last.length, ",")}${last}`);
    });
    expect(all?.[1]).toEqual(["bearer", { realm: "xyz" }]);
    expect(cut?.[1]).toEqual(["bearer", { realm: "xy" }]);
  });

  test("never throws and never hangs", () => {
    fc.assert(fc.property(fc.string({ maxLength: 500 }), (text) => void parseChallenges(text)));
    expect(performance.now()).toBeGreaterThan(0);
    parseChallenges('Bearer a="'.repeat(20_000));
  });
});

describe("Link", () => {
  test.each([
    ['</v2/a/tags/list?n=1&last=b>; rel="next"', "/v2/a/tags/list?n=1&last=b"],
    ['<a>; rel="prev", <b>; rel="next"', "b"],
    ['<a>;rel="prev",<b>;rel="next"', "b"],
    ["<a>; rel=next", "a"],
    ["<a> ; rel = next ; title=x", "a"],
    ['<a>; rel = "next last"', "a"],
    ['<a>; title="x, y"; rel="last next"', "a"],
    ['<a>; rel="nextish"', null],
    ["", null],
    ["nonsense", null],
  ])("%s", (header, next) => expect(parseNextLink(header)).toBe(next));
  test("is read for 64 KiB", () => {
    const last = '<b>; rel="next"';
    const [all, cut] = [65_536, 65_537].map((length) =>
      parseNextLink(`${'<a>; rel="prev"'.padEnd(length - last.length, ",")}${last}`),
    );
    expect([all, cut]).toEqual(["b", null]);
  });
  test("is read back as it is written", () => {
    expect(parseNextLink(formatNextLink("/v2/_catalog", { n: "2", last: "a/b" }))).toBe(
      "/v2/_catalog?n=2&last=a%2Fb",
    );
  });
});

describe("Range", () => {
  test("is resolved like slicing an array", () => {
    const nat = fc.nat({ max: 50 });
    fc.assert(
      fc.property(nat, fc.option(nat), fc.option(nat), (size, first, last) => {
        const spec = parseRange(`bytes=${first ?? ""}-${last ?? ""}`);
        const ignored = first === null ? last === null : last !== null && last < first;
        if (ignored) {
          expect(spec).toBeNull();
          return;
        }
        const all = Array.from({ length: size }, (_, index) => index);
        const wanted =
          first === null
            ? last === 0
              ? []
              : all.slice(-(last ?? 0))
            : all.slice(first, last === null ? size : last + 1);
        const range = spec === null ? null : resolveRange(spec, size);
        expect(range === null ? [] : all.slice(range.first, range.last + 1)).toEqual(wanted);
        if (range !== null)
          expect(parseContentRange(formatContentRange(range, size))).toEqual({ ...range, size });
      }),
    );
  });
  test.each([null, "", "bytes", "bytes=-", "bytes=a-b", "items=0-1", "bytes=0-1,2-3", "bytes=1"])(
    "%j is ignored",
    (header) => expect(parseRange(header)).toBeNull(),
  );
  test.each([null, "bytes */5", "bytes 5-4/9", "bytes 0-9/9", "bytes 0-1/*"])(
    "Content-Range %j is none",
    (header) => expect(parseContentRange(header)).toBeNull(),
  );
});

test("a media type is read without its parameters", () => {
  expect(parseMediaType("Application/JSON; charset=utf-8")).toBe("application/json");
  expect(parseMediaType("nonsense")).toBeNull();
  expect(parseMediaType("a/b\r\nx: y")).toBeNull();
});

describe("a manifest", () => {
  test.each(["", "[]", "null", "1", "{", '"x"'])("%j is none", (text) =>
    expect(readManifest(text, null)).toBeNull(),
  );
  test("names what it names, and what makes no sense is left out", () => {
    const digest = `sha256:${"b".repeat(64)}`;
    const body = {
      layers: [
        { digest, size: 5, mediaType: "x" },
        { digest: "bad", size: 1 },
        null,
        { digest, size: -0.5 },
      ],
      config: 7,
    };
    expect(readManifest(JSON.stringify(body), "text/plain")).toEqual({
      kind: "image",
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      manifests: [],
      blobs: [{ digest, size: 5, mediaType: "x" }],
      subject: null,
    });
    const signature = { ...body, subject: { digest, size: 9 } };
    expect(readManifest(JSON.stringify(signature), null)?.subject?.digest).toBe(digest);
  });
  test("never makes the reader throw", () => {
    fc.assert(fc.property(fc.json(), (text) => void readManifest(text, null)));
  });
});
