import { expect, test } from "vitest";
import { renderReport } from "../../../bot/render/report-body.ts";
import { report, stats } from "./views.ts";

const hub = { upstream: "docker.io", pulls: 1000, misses: 60, upstreamPulls: 60 };
const ghcr = { upstream: "ghcr.io", pulls: 234, misses: 63, upstreamPulls: 63 };

function told(upstreams: readonly (typeof hub)[] | null): string {
  const seen = { answeredAtMs: null, failure: null, failures: [] };
  const shown = stats();
  const whole =
    upstreams === null ? shown : { ...shown, upstreams: upstreams.map((u) => ({ ...u, ...seen })) };
  return renderReport(report({ stats: whole }));
}

test("what was kept off Docker Hub's limit is of its own pulls, and of all where a mirror cannot tell", () => {
  expect(told([hub, ghcr])).toMatch(/kept off Docker Hub's limit *\| *940 /);
  expect(told(null)).toMatch(/kept off Docker Hub's limit *\| *1,111 /);
});
