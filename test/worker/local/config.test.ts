import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { VERSION } from "../../../worker/version.ts";

function read(path: string): string {
  return readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
}

test("npm start and wrangler.toml give the Worker the same runtime and the same bindings", () => {
  const deployed = read("wrangler.toml");
  const local = read("worker/local/mirror.ts");
  const date = /compatibility_date = "([\d-]+)"/.exec(deployed)?.[1];
  expect(local).toContain(`"${date}"`);
  const objects = [...deployed.matchAll(/name = "(\w+)"\nclass_name = "(\w+)"/g)];
  expect(objects.length).toBeGreaterThan(0);
  for (const [, name, className] of objects)
    expect(local).toContain(`${name}: { className: "${className}", useSQLite: true }`);
  const buckets = [...deployed.matchAll(/binding = "(\w+)"\nbucket_name = "(\w+)"/g)];
  for (const [, name, bucket] of buckets) expect(local).toContain(`${name}: "${bucket}"`);
});

test("the version sent upstream is the package's", () => {
  expect((JSON.parse(read("package.json")) as { version: string }).version).toBe(VERSION);
});
