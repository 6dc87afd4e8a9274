import * as fc from "fast-check";
import { expect, test } from "vitest";
import { readPresented, splitPath } from "../../../worker/access/place.ts";

const SECRET = "k3ys3cr3tk3ys3cr3tk3y1";

test.each([
  [`/t/${SECRET}/v2/`, "/v2/", SECRET],
  [`/t/${SECRET}/v2`, "/v2", SECRET],
  [`/t/${SECRET}/v2/library/a/manifests/1`, "/v2/library/a/manifests/1", SECRET],
  [`/t/${SECRET}/setup`, "/setup", SECRET],
  [`/t/${SECRET}`, "/", SECRET],
  [`/v2/t/${SECRET}/library/a/manifests/1`, "/v2/library/a/manifests/1", SECRET],
  [`/v2/t/${SECRET}/ghcr.io/o/a/manifests/1`, "/v2/ghcr.io/o/a/manifests/1", SECRET],
  [`/v2/t/${SECRET}/_catalog`, "/v2/_catalog", SECRET],
  [`/v2/t/${SECRET}/`, "/v2/", SECRET],
  [`/v2/t/${SECRET}`, "/v2/", SECRET],
  // A typing mistake is no repository's name either: it would be asked for upstream.
  ["/v2/t/k3y/library/a/manifests/1", "/v2/library/a/manifests/1", "k3y"],
  [`/v2/t/${SECRET}/manifests/1`, "/v2/manifests/1", SECRET],
  ["/t//v2/", "/v2/", ""],
  [`/t/%6b3y/v2/`, "/v2/", "%6b3y"],
  // A repository of a namespace t.
  ["/v2/t/tool/manifests/1", "/v2/t/tool/manifests/1", null],
  ["/v2/t/tool/tags/list", "/v2/t/tool/tags/list", null],
  ["/v2/ghcr.io/t/tool/manifests/1", "/v2/ghcr.io/t/tool/manifests/1", null],
  ["/v2/tt/tool/x/manifests/1", "/v2/tt/tool/x/manifests/1", null],
  ["/", "/", null],
  ["/v2/", "/v2/", null],
  ["/tt/x", "/tt/x", null],
  [`/x/t/${SECRET}/v2/`, `/x/t/${SECRET}/v2/`, null],
  [`/T/${SECRET}/v2/`, `/T/${SECRET}/v2/`, null],
  [`/%74/${SECRET}/v2/`, `/%74/${SECRET}/v2/`, null],
])("%s is %s and the secret %s", (pathname, path, secret) => {
  expect(splitPath(pathname)).toEqual({ path, secret });
});

function present(address: string, authorization?: string): string[] {
  const headers = new Headers(authorization === undefined ? {} : { authorization });
  return readPresented(new URL(address), headers).map(({ place, text }) => `${place} ${text}`);
}

test.each([
  [`https://${SECRET}.mirror.example.com/v2/`, `host ${SECRET}`],
  [`https://${SECRET.toUpperCase()}.mirror.example.com/v2/`, `host ${SECRET}`],
  [`https://${SECRET}:8443/v2/`, null],
  ["https://mirror.example.com/v2/", null],
  ["https://203.0.113.7/v2/", null],
  ["https://[2001:db8::7]/v2/", null],
])("%s presents %s", (address, expected) => {
  expect(present(address)).toEqual(expected === null ? [] : [expected]);
});

test.each([
  [`Bearer ${SECRET}`, SECRET],
  [`bearer  ${SECRET} `, SECRET],
  [`Basic ${btoa(`anyone:${SECRET}`)}`, SECRET],
  [`BASIC ${btoa(`:${SECRET}`)}`, SECRET],
  [`Basic ${btoa("a:b:c")}`, "b:c"],
  [`Basic ${btoa(":")}`, null],
  ["", null],
  // Wrong, and counted as such; which wrong does not matter.
  [`Basic ${btoa("no-colon")}`, "?"],
  ["Basic %%%", "?"],
  ["Basic", "?"],
  [SECRET, "?"],
  [`Digest ${SECRET}`, "?"],
  [`Bearer ${SECRET}, Bearer ${SECRET}`, "?"],
  [`Basic ${btoa(`a:${SECRET}`)}, Bearer x`, "?"],
])("Authorization: %s presents %s", (header, expected) => {
  expect(present("https://mirror.example.com/v2/", header)).toEqual(
    expected === null ? [] : [`authorization ${expected}`],
  );
});

test("each place counts, in this order", () => {
  const host = "h".repeat(20);
  expect(present(`https://${host}.example.com/t/${SECRET}/v2/`, "Bearer x")).toEqual([
    `path ${SECRET}`,
    `host ${host}`,
    "authorization x",
  ]);
});

test("whatever is put together with a secret is parted again, and nothing of the secret is left", () => {
  const letters = "abcdefghijklmnopqrstuvwxyz0123456789".split("");
  const secrets = fc.string({ unit: fc.constantFrom(...letters), minLength: 20, maxLength: 63 });
  const part = fc.constantFrom("library", "t", "v2", "ghcr.io", "a", "manifests", "blobs", "x--y");
  const names = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
  const rests = fc.constantFrom("manifests/1", "tags/list", `blobs/sha256:${"0".repeat(64)}`);
  fc.assert(
    fc.property(secrets, names, rests, (secret, name, rest) => {
      const path = `/v2/${name}/${rest}`;
      expect(splitPath(`/t/${secret}${path}`)).toEqual({ path, secret });
      expect(splitPath(`/v2/t/${secret}/${name}/${rest}`)).toEqual({ path, secret });
    }),
  );
});

test("any path at all is parted without an error, into a path of its own end", () => {
  fc.assert(
    fc.property(fc.webPath(), fc.constantFrom("", "/t", "/v2/t"), (tail, head) => {
      const { path, secret } = splitPath(`${head}${tail}`);
      expect(path.startsWith("/") || path === `${head}${tail}`).toBe(true);
      if (secret === null) expect(path).toBe(`${head}${tail}`);
      else expect(`${head}${tail}`).toContain(secret);
    }),
  );
});
