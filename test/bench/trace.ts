/**
 * Reads a made-up job log of 200 MB from a stream and prints time and peak memory.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { readTrace } from "../../bot/trace/reader.ts";

const SIZE = 200 * 1024 * 1024;
const LIMIT_MS = 5000;
const LIMIT_MIB = 256;

/** What long logs are made of: compilers, tests with colours, progress bars, and now and then a pull. */
function block(stamped: boolean, turn: number): string {
  const lines: string[] = [];
  for (let index = 0; index < 400; index += 1) {
    lines.push(
      `gcc -O2 -Wall -c src/module_${index}.c -o build/module_${index}.o -Iinclude -DVERSION=${turn}`,
      `\x1b[32m✓\x1b[0m test/suite_${index}.spec.js (${index} tests) \x1b[2m${index * 3} ms\x1b[0m`,
      `tmp/.config-package.in:${index}: warning: ignoring type redefinition of 'PACKAGE_x${index}'`,
      `${"=".repeat(index % 40)}>\r${"=".repeat(index % 60)}> ${index % 100}%`,
    );
  }
  lines.push(
    `$ docker pull alpine:3.${turn % 20}`,
    `3.${turn % 20}: Pulling from library/alpine`,
    `Digest: sha256:${(turn % 20).toString(16).padStart(64, "0")}`,
    `Status: Downloaded newer image for alpine:3.${turn % 20}`,
  );
  const prefix = stamped ? "2026-09-26T10:42:49.140140Z 01O " : "";
  return lines.map((line) => `${prefix}${line}\n`).join("");
}

async function* log(stamped: boolean): AsyncGenerator<Uint8Array> {
  let sent = 0;
  for (let turn = 0; sent < SIZE; turn += 1) {
    const bytes = Buffer.from(block(stamped, turn % 100));
    for (let start = 0; start < bytes.length; start += 64 * 1024) {
      const chunk = bytes.subarray(start, start + 64 * 1024);
      sent += chunk.length;
      yield chunk;
    }
  }
}

/** The most memory that this process ever held: the kernel's own count. */
function peakMib(): number {
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return Math.round(Number(kib ?? process.memoryUsage().rss / 1024) / 1024);
}

for (const stamped of [false, true]) {
  const start = performance.now();
  const trace = await readTrace(log(stamped));
  const tookMs = performance.now() - start;
  const kind = stamped ? "with timestamps" : "without timestamps";
  console.log(
    `200 MiB ${kind}: ${(tookMs / 1000).toFixed(2)} s, ${trace.lines} lines, ${trace.images.length} images, peak RSS ${peakMib()} MiB`,
  );
  if (tookMs > LIMIT_MS || peakMib() > LIMIT_MIB || trace.images.length !== 20) {
    console.log(`over the limit of ${LIMIT_MS / 1000} s and ${LIMIT_MIB} MiB`);
    process.exitCode = 1;
  }
}
