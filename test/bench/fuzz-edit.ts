/**
 * Feeds damaged files to the editor and the linter for a while: `node test/bench/fuzz-edit.ts [seconds] [seed]`.
 *
 * Starts from the matrix and, where it is present, from the collection of real files.
 */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { SEEDS, type Seed, checkFile, createRandom, mutate } from "../bot/files/hostile.ts";

const seconds = Number(process.argv[2] ?? 30);
const random = createRandom(Number(process.argv[3] ?? Date.now()));
const seeds = [
  ...SEEDS,
  ...readCorpus("ci", ".gitlab-ci.yml"),
  ...readCorpus("daemon", "daemon.json"),
  ...readCorpus("runner", "config.toml"),
];
const byPath = [...Map.groupBy(seeds, ({ path }) => path).values()];
const counts = new Map<string, number>();
const end = Date.now() + seconds * 1000;
let failures = 0;
let slowest = 0;

for (let round = 0; Date.now() < end && failures < 5; round += 1) {
  // First a path, then a file of it: each parser gets its share.
  const ofPath = byPath[random(byPath.length)] ?? [];
  const seed = ofPath[random(ofPath.length)];
  if (seed === undefined) break;
  const source = mutate(seed.source, random);
  const start = performance.now();
  const fault = await checkFile({ path: seed.path, source }, round).catch((error: unknown) =>
    String(error),
  );
  slowest = Math.max(slowest, performance.now() - start);
  counts.set(seed.path, (counts.get(seed.path) ?? 0) + 1);
  if (fault === null) continue;
  failures += 1;
  console.log(`--- ${seed.path}: ${fault}\n--- of\n${source}`);
}
console.log(
  JSON.stringify({
    seconds,
    seeds: seeds.length,
    files: Object.fromEntries(counts),
    failures,
    slowestMs: Math.round(slowest),
  }),
);
process.exitCode = failures > 0 ? 1 : 0;

function readCorpus(folder: string, path: string): readonly Seed[] {
  const root = fileURLToPath(new URL(`../../../shared/corpus/${folder}/`, import.meta.url));
  if (!existsSync(root)) return [];
  // Long files make slow rounds and teach nothing that short ones do not.
  return readdirSync(root)
    .map((name) => ({ path, source: readFileSync(root + name, "utf8") }))
    .filter(({ source }) => source.length < 8000);
}
