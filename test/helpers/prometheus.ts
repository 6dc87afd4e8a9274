/** A family of metrics as a scraper takes it. */
export interface Family {
  readonly type: string;
  readonly help: string;
  readonly samples: { readonly labels: Record<string, string>; readonly value: number }[];
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = String.raw`([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"`;
const SAMPLE = new RegExp(String.raw`^(${NAME})(?:\{(${LABEL}(?:,${LABEL})*)?\})? (\S+)$`);
const UNESCAPED: Record<string, string> = { "\\n": "\n", '\\"': '"', "\\\\": "\\" };

/**
 * Reads the text format 0.0.4 as strictly as it is written: HELP and TYPE once before a family's samples, families not
 * mixed, a final line feed, no label set twice.
 *
 * @see prometheus.io/docs/instrumenting/exposition_formats
 */
export function parsePrometheus(text: string): Map<string, Family> {
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  const families = new Map<string, Family>();
  let help: [string, string] | null = null;
  let current = "";
  const seen = new Set<string>();
  for (const line of text.slice(0, -1).split("\n")) {
    const helpLine = new RegExp(`^# HELP (${NAME}) (.*)$`).exec(line);
    const typeLine = new RegExp(`^# TYPE (${NAME}) (counter|gauge)$`).exec(line);
    if (helpLine !== null) {
      help = [helpLine[1]!, helpLine[2]!];
    } else if (typeLine !== null) {
      current = typeLine[1]!;
      if (help?.[0] !== current) throw new Error(`TYPE without HELP: ${line}`);
      if (families.has(current)) throw new Error(`a second TYPE: ${line}`);
      families.set(current, { type: typeLine[2]!, help: help[1], samples: [] });
    } else {
      const match = SAMPLE.exec(line);
      if (match === null) throw new Error(`not a sample: ${JSON.stringify(line)}`);
      if (match[1] !== current) throw new Error(`a sample outside its family: ${line}`);
      const key = line.slice(0, line.lastIndexOf(" "));
      if (seen.has(key)) throw new Error(`a sample twice: ${line}`);
      seen.add(key);
      const value = Number(line.slice(line.lastIndexOf(" ") + 1));
      if (!Number.isFinite(value)) throw new Error(`not a number: ${line}`);
      families.get(current)?.samples.push({ labels: readLabels(match[2] ?? ""), value });
    }
  }
  return families;
}

function readLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, name = "", value = ""] of text.matchAll(new RegExp(LABEL, "g")))
    labels[name] = value.replaceAll(/\\[\\n"]/g, (escape) => UNESCAPED[escape] ?? escape);
  return labels;
}
