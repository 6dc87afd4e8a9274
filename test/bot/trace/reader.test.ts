import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readTrace } from "../../../bot/trace/reader.ts";
import { digest, images, read, readChunks } from "./read.ts";

/** Words that mean something to some reader, so that random logs reach deep. */
const WORDS = [
  "$ docker pull alpine:3",
  "Using Docker executor with image alpine:3 ...",
  `Using docker image ${digest("1")} for alpine:3 with digest alpine@${digest("a")} ...`,
  "3: Pulling from library/alpine",
  `Digest: ${digest("a")}`,
  "Status: Downloaded newer image for alpine:3",
  "Step 1/2 : FROM alpine:3 AS x",
  " ---> 9ed4aefc74f6",
  "#2 [internal] load metadata for docker.io/library/node:22",
  `#3 [1/2] FROM docker.io/library/node:22@${digest("b")}`,
  "#3 CACHED",
  "#4 [auth] library/node:pull token for registry-1.docker.io",
  "Trying to pull docker.io/library/alpine:latest...",
  "Getting image source signatures",
  "INFO[0000] Retrieving image x from registry index.docker.io",
  "section_start:1:step_script\r\x1b[0K",
  "2026-09-26T10:42:49.140140Z 00O ",
  "2026-09-26T10:42:49.140140Z 01E+",
  "\x1b[0;m",
  "\r",
  "\n",
  "É…\u{1F433}",
];

const logs = fc
  .array(fc.oneof(fc.constantFrom(...WORDS), fc.string({ unit: "binary" })))
  .map((parts) => Buffer.from(parts.join("")));

/** A log in which one stream says what the runner and two clients say. */
function saidOn(stream: string): string {
  const lines = [
    "#1 [internal] load metadata for docker.io/library/node:22",
    "Trying to pull docker.io/library/redis:7...",
    "Pulling docker image alpine:3 ...",
  ];
  return lines.map((line) => `2026-09-26T10:42:49.140140Z ${stream} ${line}`).join("\n");
}

describe("the trace reader", () => {
  it("never throws, whatever the bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => void readChunks([bytes])));
    fc.assert(fc.property(logs, (bytes) => void readChunks([bytes])));
  });

  it("reads the same wherever the chunks are cut", () => {
    fc.assert(
      fc.property(logs, fc.array(fc.nat(400)), (bytes, sizes) => {
        const chunks: Uint8Array[] = [];
        let start = 0;
        for (const size of sizes) {
          chunks.push(bytes.subarray(start, start + size));
          start += size;
        }
        chunks.push(bytes.subarray(start));
        expect(readChunks(chunks)).toEqual(readChunks([bytes]));
      }),
    );
  });

  it("reads a stream to its end, and throws what that throws", async () => {
    const log = "$ docker pull -q alpine:3\ndocker.io/library/alpine:3\n";
    async function* stream(end: Error | null) {
      for (const byte of Buffer.from(log)) yield Uint8Array.of(byte);
      if (end !== null) throw end;
    }
    expect(await readTrace(stream(null))).toEqual(read(log));
    await expect(readTrace(stream(new Error("cut off")))).rejects.toThrow("cut off");
  });

  it("names no image without a line that has its name", () => {
    fc.assert(
      fc.property(logs, (bytes) => {
        for (const { reference, evidence } of readChunks([bytes]).images) {
          const name = reference.repository.split("/").at(-1) ?? "";
          // A quote that was cut may have lost the name: the line had it.
          const shows = ({ text }: { text: string }) => text.includes(name) || text.endsWith("…");
          expect(evidence.some(shows)).toBe(true);
        }
      }),
    );
  });

  it("keeps a line of any length in bounds, and finds what stands at either end of it", () => {
    const long = `${"x".repeat(200_000)}\r#2 [internal] load metadata for docker.io/library/node:22`;
    expect(images(read(`${long}\nTrying to pull docker.io/library/alpine:3...`))).toEqual([
      "buildkit docker.io/library/node:22 named",
      "podman docker.io/library/alpine:3 failed",
    ]);
  });

  it("quotes a line as one line without escapes, and cuts it", () => {
    const trace = read(`\x1b[31mTrying to pull docker.io/library/a:${"b".repeat(120)}...\x1b[0m`);
    expect(trace.images[0]?.evidence[0]?.text).not.toContain("\x1b");
    const limit = read(`pull rate limit: you have reached your pull rate limit ${"é".repeat(900)}`);
    expect(limit.rateLimits.evidence[0]?.text).toHaveLength(301);
  });

  it("stops at a thousand images and says so", () => {
    const lines = Array.from(
      { length: 1200 },
      (_, index) => `Trying to pull docker.io/a/b${index}:1...`,
    );
    const trace = read(lines.join("\n"));
    expect(trace.images).toHaveLength(1000);
    expect(trace.truncated).toBe(true);
  });

  it("hears the job and the runner on standard error as well, and a service on neither", () => {
    const clients = [
      "buildkit docker.io/library/node:22 named",
      "podman docker.io/library/redis:7 failed",
    ];
    for (const stream of ["01O", "01E"]) expect(images(read(saidOn(stream)))).toEqual(clients);
    for (const stream of ["00O", "00E"])
      expect(images(read(saidOn(stream)))).toEqual([
        "runner:runner docker.io/library/alpine:3 asked",
      ]);
    for (const stream of ["02O", "02E", "10E"]) expect(images(read(saidOn(stream)))).toEqual([]);
  });

  it("numbers lines as GitLab's job page does: sections split them, empty ones are not counted", () => {
    const trace = read(
      [
        "Running with gitlab-runner 18.9.0", // 1
        "section_start:1:prepare_executor\r\x1b[0KPreparing", // 2
        "\x1b[0K", // not shown
        "", // not shown
        "Using Docker executor with image alpine:3 ...", // 3
        "section_end:2:prepare_executor\r\x1b[0Ksection_start:2:step_script\r\x1b[0KExecuting", // 4
        "Trying to pull docker.io/library/redis:7...", // 5
      ].join("\n"),
    );
    expect(trace.images.map(({ evidence }) => [evidence[0]?.line, evidence[0]?.anchor])).toEqual([
      [5, 3],
      [7, 5],
    ]);
  });
});
