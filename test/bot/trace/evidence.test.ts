import { describe, expect, it } from "vitest";

import type { ShownText } from "../../../bot/trace/display.ts";
import { quote } from "../../../bot/trace/evidence.ts";
import { ImageTable, type Sighting } from "../../../bot/trace/image-table.ts";
import { parseDigest } from "../../../worker/oci/digest.ts";
import { digest, images, read } from "./read.ts";

function shownAt(line: number, text = `line ${line}`): ShownText {
  return { text, line, anchor: line + 100, time: null, stream: null };
}

describe("a quote", () => {
  it("says where the line stands, and when it was written if that is known", () => {
    const shown = shownAt(7, "text");
    expect(quote(shown)).toEqual({ line: 7, anchor: 107, text: "text", atMs: null });
    expect(quote({ ...shown, time: "2026-09-26T10:42:49.140140Z" }).atMs).toBe(1790419369140);
  });

  it.each([
    ["https://user:secret@mirror.example/v2/", "https://…@mirror.example/v2/"],
    ["a://u@h and b://v:w@h", "a://…@h and b://…@h"],
    ["https://mirror.example/t/abc123", "https://mirror.example/t/…"],
    ["https://mirror.example/t/abc123/v2/", "https://mirror.example/t/…/v2/"],
    [
      "\"https://m.example/t/abc123\" 'https://m.example/t/abc456' .",
      `"https://m.example/t/…" 'https://m.example/t/…' .`,
    ],
    ["m.example/t/abc123 m.example/t/zzz999/", "m.example/t/… m.example/t/…/"],
    [`https://${"s".repeat(200)}@h`, "https://…@h"],
    [`/t/${"a".repeat(200)}`, "/t/…"],
  ])("hides what is secret in an address: %s", (text, expected) => {
    expect(quote(shownAt(1, text)).text).toBe(expected);
  });

  it.each([
    "https://mirror.example/v2/ for me@example.com",
    "docker.io/team/t/app:1@sha256:abc",
    "/t/short/v2/",
    "mirror.example/t/",
  ])("leaves what is none: %s", (text) => expect(quote(shownAt(1, text)).text).toBe(text));

  it("is cut at three hundred characters", () => {
    const longest = "x".repeat(300);
    expect(quote(shownAt(1, longest)).text).toBe(longest);
    expect(quote(shownAt(1, `${longest}y`)).text).toBe(`${longest}…`);
  });

  it("is cut after secrets were taken out, never in the middle of one", () => {
    const text = `${"x".repeat(280)} https://user:secret@mirror.example/`;
    expect(quote(shownAt(1, text)).text).toBe(`${"x".repeat(280)} https://…@mirror.ex…`);
  });
});

function saw(table: ImageTable, part: Partial<Sighting>): void {
  const named = { layer: "job", tool: "docker", written: "alpine:3", transfer: "named" } as const;
  table.saw({ ...named, shown: shownAt(1), ...part });
}

function transferAfter(...said: readonly Partial<Sighting>[]): string | undefined {
  const table = new ImageTable();
  for (const part of said) saw(table, part);
  return table.images[0]?.transfer;
}

function transfersAfter(...transfers: readonly Sighting["transfer"][]): string | undefined {
  return transferAfter(...transfers.map((transfer) => ({ transfer })));
}

describe("what is known of an image", () => {
  it("is the strongest that was said, whatever the order", () => {
    const order = ["named", "failed", "cached", "local", "asked", "downloaded"] as const;
    for (const [weak, weaker] of order.entries())
      for (const stronger of order.slice(weak)) {
        if (weaker === "failed" && stronger === "asked") continue;
        expect(transfersAfter(weaker, stronger)).toBe(stronger);
        expect(transfersAfter(stronger, weaker)).toBe(stronger);
      }
  });

  it("is the last word between asking and failing", () => {
    expect(transfersAfter("asked", "failed")).toBe("failed");
    expect(transfersAfter("failed", "asked")).toBe("asked");
    expect(transfersAfter("asked", "failed", "named")).toBe("failed");
    expect(transfersAfter("downloaded", "failed")).toBe("downloaded");
  });

  it("is one image for each layer, client and name, and for each digest that a name came at", () => {
    const table = new ImageTable();
    saw(table, { tool: "kaniko" });
    saw(table, { layer: "runner", tool: "runner" });
    saw(table, { written: "alpine:3.1" });
    saw(table, { written: "ghcr.io/library/alpine:3" });
    for (const written of ["alpine:3", "docker.io/library/alpine:3", "index.docker.io/alpine:3"])
      saw(table, { written });
    for (const hex of ["aa", "bb", "aa", "bb"]) saw(table, { written: `alpine:3@${digest(hex)}` });
    saw(table, { written: "$IMAGE" });
    const trace = { notes: [], rateLimits: { count: 0, evidence: [] }, lines: 0, truncated: false };
    expect(images({ ...trace, images: table.images })).toEqual([
      "kaniko docker.io/library/alpine:3 named",
      "runner:runner docker.io/library/alpine:3 named",
      "docker docker.io/library/alpine:3.1 named",
      "docker ghcr.io/library/alpine:3 named",
      "docker docker.io/library/alpine:3 named aa00",
      "docker docker.io/library/alpine:3 named bb00",
    ]);
  });

  it("is that it was had after all where a result with a digest follows a failure, and there alone", () => {
    const result = { digest: parseDigest(digest("aa")) };
    expect(transferAfter({ transfer: "failed" }, result)).toBe("asked");
    expect(transferAfter({ transfer: "failed" }, {})).toBe("failed");
    expect(transferAfter({ transfer: "failed" }, { ...result, transfer: "local" })).toBe("local");
    expect(transferAfter({ transfer: "local" }, result)).toBe("local");
    expect(transferAfter({}, result)).toBe("named");
  });

  it("keeps names apart that came at two digests each, and adds to the first what has none", () => {
    const table = new ImageTable();
    for (const hex of ["aa", "bb"])
      for (const name of ["alpine:3", "redis:7"])
        saw(table, { written: `${name}@${digest(hex)}`, shown: shownAt(hex === "aa" ? 1 : 2) });
    saw(table, { written: "redis:7", shown: shownAt(3, "a") });
    saw(table, { written: "redis:7", shown: shownAt(3, "b") });
    saw(table, { written: `redis:7@${digest("bb")}`, shown: shownAt(4) });
    expect(table.truncated).toBe(false);
    expect(
      table.images.map(({ reference, digest: at, evidence }) => [
        reference.repository,
        at?.slice(7, 9),
        evidence.map(({ line, text }) => (line === 3 ? text : line)),
      ]),
    ).toEqual([
      ["library/alpine", "aa", [1]],
      ["library/redis", "aa", [1, "a", "b"]],
      ["library/alpine", "bb", [2]],
      ["library/redis", "bb", [2, 4]],
    ]);
  });

  it("is proved by its first three lines and the newest that says the strongest", () => {
    const table = new ImageTable();
    for (const line of [1, 1, 2, 3, 4, 5]) saw(table, { shown: shownAt(line) });
    saw(table, { shown: shownAt(6), transfer: "asked" });
    saw(table, { shown: shownAt(7), transfer: "named" });
    expect(table.images[0]?.evidence.map(({ line }) => line)).toEqual([1, 2, 3, 6]);
  });

  it("is the first bypass and the first mirror, of this client in the job and this repository alone", () => {
    const table = new ImageTable();
    saw(table, { tool: "buildkit", via: "one.example" });
    saw(table, { tool: "buildkit", via: "two.example" });
    saw(table, { tool: "buildkit", written: "alpine:2" });
    saw(table, { tool: "buildkit", written: "other:1" });
    saw(table, { tool: "buildkit", written: "ghcr.io/library/alpine:3" });
    saw(table, { tool: "buildkit", layer: "runner", written: "alpine:1" });
    saw(table, { tool: "kaniko" });
    expect(table.bypassed("buildkit", "library/alpine", shownAt(8))).toBe(true);
    expect(table.bypassed("buildkit", "library/alpine", shownAt(9))).toBe(true);
    expect(table.bypassed("buildkit", "library/none", shownAt(9))).toBe(false);
    const rows = table.images.map(({ via, bypass, evidence }) => [
      via,
      bypass?.line,
      evidence.map(({ line }) => line),
    ]);
    expect(rows).toEqual([
      ["one.example", 8, [1, 8, 9]],
      [null, 8, [1, 8, 9]],
      ...[1, 2, 3, 4].map(() => [null, undefined, [1]]),
    ]);
  });
});

describe("lines that explain a verdict", () => {
  it("are counted, with the first quoted, and of refusals the first three", () => {
    const refusal = "toomanyrequests: You have reached your pull rate limit.";
    const trace = read(Array.from({ length: 5 }, () => refusal).join("\n"));
    expect(trace.rateLimits.count).toBe(5);
    expect(trace.rateLimits.evidence.map(({ line }) => line)).toEqual([1, 2, 3]);
    const quiet = read(
      "$ docker build -q .\nx\n$ docker pull --quiet alpine\n$ docker pull alpine",
    );
    expect(quiet.notes).toMatchObject([{ kind: "quiet", count: 2, evidence: { line: 1 } }]);
  });
});
