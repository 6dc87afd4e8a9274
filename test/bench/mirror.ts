/**
 * The mirror beside what it replaces, on the same images and the same stand-in for Docker Hub, in one run:
 * `npm run bench`, or `npm run bench -- warm operations` for some of it. Prints a table, whether each goal was met, and
 * the figures as JSON; with `--write docs` it puts table, figures and a chart into that folder's `benchmarks.*`.
 *
 * Needs Debian's docker-registry, docker.io, nginx-light, wrk and curl, and root for dockerd.
 *
 * @module
 */
import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { measureCold } from "./cold.ts";
import { type Contenders, startContenders } from "./contenders.ts";
import { measureLists } from "./ledger.ts";
import { measureDockerPull } from "./docker-pull.ts";
import type { Row } from "./measure.ts";
import { measureOperations } from "./operations.ts";
import { drawChart, formatTable } from "./report.ts";
import { measureWarm } from "./warm.ts";

const PARTS: Readonly<Record<string, (contenders: Contenders) => Promise<Row[]>>> = {
  warm: measureWarm,
  cold: measureCold,
  docker: measureDockerPull,
  operations: ({ hub }) => measureOperations(hub),
  lists: () => measureLists(),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: "string" } },
});
const wanted = positionals.length === 0 ? Object.keys(PARTS) : positionals;
const rows: Row[] = [];
const [load] = loadavg();
for (const name of wanted) {
  const measure = PARTS[name];
  if (measure === undefined) throw new Error(`there is no part ${name}`);
  const contenders = await startContenders();
  try {
    rows.push(...(await measure(contenders)));
  } finally {
    await contenders.stop();
  }
}
const table = formatTable(rows);
const figures = JSON.stringify({ cores: availableParallelism(), load, rows });
process.stdout.write(`${table}\n${figures}\n`);
if (values.write !== undefined) await writeTo(values.write);

async function writeTo(folder: string): Promise<void> {
  const page = join(folder, "benchmarks.md");
  const [before, , after] = (await readFile(page, "utf8")).split(/^<!-- (?:table|end) -->$/m);
  await writeFile(page, `${before}<!-- table -->\n\n${table}\n<!-- end -->${after}`);
  await writeFile(join(folder, "benchmarks.json"), `${figures}\n`);
  await writeFile(join(folder, "benchmarks.svg"), drawChart(rows));
}
