import type { Row } from "./measure.ts";

/** A table for people. */
export function formatTable(rows: readonly Row[]): string {
  const lines = rows.map(({ measure, unit, values, goal }) => {
    const shown = Object.entries(values).map(([name, value]) => `${name} **${show(value)}**`);
    const wanted = goal === null ? "" : `${goal.met ? "yes" : "**no**"}: ${goal.text}`;
    return `| ${measure}, ${unit} | ${shown.join("; ")} | ${wanted} |`;
  });
  return ["| measure | found | goal met |", "| --- | --- | --- |", ...lines, ""].join("\n");
}

const BAR = { left: 250, width: 360, height: 16, gap: 5 };
const OURS = "Tidepool";

/** Whom Tidepool is compared with; other values stand beside ours in a row, and are no contenders. */
const OTHERS = /^(?:docker-registry|nginx|the upstream)/;

/** Bars of each measure that has somebody to compare with; the longest is the largest of its measure. */
export function drawChart(rows: readonly Row[]): string {
  const shown = rows.filter(
    ({ values }) => OURS in values && Object.keys(values).some((name) => OTHERS.test(name)),
  );
  const parts: string[] = [];
  let y = 10;
  for (const { measure, unit, values } of shown) {
    const better = unit.endsWith("/s") ? "more is better" : "less is better";
    parts.push(text([10, y + 12], `${measure} (${unit}; ${better})`, "head"));
    y += 22;
    const largest = Math.max(...Object.values(values));
    for (const [name, value] of Object.entries(values)) {
      const width = Math.max(1, Math.round((value / largest) * BAR.width));
      const kind = name === OURS ? "ours" : "theirs";
      parts.push(
        text([BAR.left - 8, y + 12], name, "name"),
        `<rect class="${kind}" x="${BAR.left}" y="${y}" width="${width}" height="${BAR.height}"/>`,
        text([BAR.left + width + 6, y + 12], show(value), "value"),
      );
      y += BAR.height + BAR.gap;
    }
    y += 12;
  }
  const style = `text{font:12px system-ui,sans-serif;fill:#1b2a33}.head{font-weight:600}.name{text-anchor:end}
.ours{fill:#0b7285}.theirs{fill:#adb5bd}svg{background:#fff}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="720" height="${y}" viewBox="0 0 720 ${y}" role="img">
<title>Tidepool beside docker-registry, nginx and the upstream itself</title>
<style>${style}</style>
<rect width="720" height="${y}" fill="#fff"/>
${parts.join("\n")}
</svg>
`;
}

function text([x, y]: readonly [number, number], content: string, kind: string): string {
  return `<text class="${kind}" x="${x}" y="${y}">${content.replaceAll("<", "&lt;")}</text>`;
}

function show(value: number): string {
  if (value >= 100) return String(Math.round(value));
  return value.toFixed(value >= 10 ? 1 : 2);
}
