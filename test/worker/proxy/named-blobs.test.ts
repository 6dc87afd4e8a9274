import { expect, test } from "vitest";
import { NamedBlobs } from "../../../worker/proxy/named-blobs.ts";
import { repositoryOf } from "../../helpers/inventory.ts";
import { digestOf } from "../../helpers/ledger-events.ts";

const APP = repositoryOf("team/app");
const OTHERS = [repositoryOf("team/other"), repositoryOf("team/app", "ghcr.io")];

/** A manifest of the number `n` that names a config and a layer. */
function manifestOf(n: number, config: number, layer: number) {
  const [digest, ...named] = [n, config, layer].map(digestOf);
  const [configOf, layerOf] = named.map((of) => ({ digest: of, size: 1 }));
  const body = JSON.stringify({ config: configOf, layers: [layerOf] });
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  return { digest: digest!, mediaType, bytes: new TextEncoder().encode(body) };
}

function named(blobs: NamedBlobs, key = APP): number[] {
  return [1, 2, 3, 4].filter((n) => blobs.has(key, digestOf(n)));
}

test("a manifest's blobs are named in its repository, and in no other", () => {
  const blobs = new NamedBlobs();
  expect(named(blobs)).toEqual([]);
  blobs.readFrom(APP, manifestOf(1, 2, 3));
  expect(named(blobs)).toEqual([1, 2, 3]);
  for (const other of OTHERS) expect(named(blobs, other)).toEqual([]);
  blobs.add(APP, digestOf(4));
  expect(named(blobs)).toEqual([1, 2, 3, 4]);
});

test("a manifest that was read is not read again", () => {
  const blobs = new NamedBlobs();
  blobs.readFrom(APP, manifestOf(1, 2, 3));
  blobs.readFrom(APP, { ...manifestOf(1, 4, 4), digest: digestOf(1) });
  expect(named(blobs)).toEqual([1, 2, 3]);
});

test("bytes that are no manifest name nothing", () => {
  const blobs = new NamedBlobs();
  blobs.readFrom(APP, { ...manifestOf(1, 2, 3), bytes: new TextEncoder().encode("not JSON") });
  expect(named(blobs)).toEqual([1]);
});

test("so many blobs as a large registry's page has are remembered, and the oldest forgotten in the end", () => {
  const blobs = new NamedBlobs();
  for (let n = 1; n <= 30_000; n += 1) blobs.add(APP, digestOf(n));
  expect(blobs.has(APP, digestOf(1))).toBe(true);
  for (let n = 1; n <= 15_000; n += 1) blobs.add(APP, digestOf(n + 100_000));
  expect(blobs.has(APP, digestOf(2))).toBe(false);
});
