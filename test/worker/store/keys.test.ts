import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseDigest } from "../../../worker/oci/digest.ts";
import { parseRepository } from "../../../worker/oci/repository.ts";
import { parseTag } from "../../../worker/oci/tag.ts";
import {
  blobKey,
  catalogKey,
  manifestName,
  parseBlobName,
  parseManifestName,
  parseCatalogName,
  parseSnapshotDay,
  parseTagName,
  snapshotEndName,
  snapshotPageName,
  tagName,
} from "../../../worker/store/keys.ts";

const word = fc.stringMatching(/^[a-z0-9]+(?:[._-][a-z0-9]+)?$/, { maxLength: 12 });
/** As registries are named: with a dot or a port, or they could not be told from a namespace. */
const upstream = fc
  .tuple(fc.stringMatching(/^[a-z0-9]{1,12}$/), fc.constantFrom(".example", ":5000"))
  .map((parts) => parts.join(""));
const repository = fc
  .array(word, { minLength: 1, maxLength: 4 })
  .map((words) => parseRepository(words.join("/")))
  .filter((name) => name !== null);
const digest = fc
  .oneof(fc.stringMatching(/^sha256:[0-9a-f]{64}$/), fc.stringMatching(/^sha512:[0-9a-f]{128}$/))
  .map((text) => parseDigest(text))
  .filter((parsed) => parsed !== null);
const tag = fc
  .stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}$/)
  .map((text) => parseTag(text))
  .filter((parsed) => parsed !== null);
const key = fc.record({ upstream, repository }, { noNullPrototype: true });

test("every name that is built is read back as what it was built from", () => {
  fc.assert(
    fc.property(key, digest, tag, (of, content, name) => {
      expect(parseManifestName(manifestName(of, content))).toEqual({ key: of, digest: content });
      expect(parseTagName(tagName(of, name))).toEqual({ key: of, tag: name });
      expect(parseCatalogName(catalogKey(of).slice("catalog/".length))).toEqual(of);
      expect(parseBlobName(blobKey(content).slice("blobs/".length))).toBe(content);
    }),
  );
});

test("no other name is taken for one", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const manifest = parseManifestName(text);
      if (manifest !== null) expect(manifestName(manifest.key, manifest.digest)).toBe(text);
      const found = parseTagName(text);
      if (found !== null) expect(tagName(found.key, found.tag)).toBe(text);
    }),
  );
  for (const name of ["", "@", "/a@b", "a@sha256:0", "a/b", "docker.io/a:", "docker.io/A:1"]) {
    expect(parseManifestName(name)).toBeNull();
    expect(parseTagName(name)).toBeNull();
  }
  expect(parseBlobName("sha256/zz")).toBeNull();
});

test("a snapshot's pages are in the order of their numbers, below their day", () => {
  const names = [0, 9, 10, 999_999].map((page) => snapshotPageName("2026-11-24", page));
  const inOrder = names.toSorted((a, b) => (a < b ? -1 : 1));
  expect(inOrder).toEqual(names);
  for (const name of [...names, snapshotEndName("2026-11-24")])
    expect(parseSnapshotDay(name)).toBe("2026-11-24");
  expect(parseSnapshotDay("notes/2026-11-24/x")).toBeNull();
});
