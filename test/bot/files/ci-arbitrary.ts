import * as fc from "fast-check";

/** How a service may be written. */
interface ServiceText {
  readonly name: string;
  readonly quote: "" | "'" | '"';
  readonly form: "name" | "block" | "flow";
  /** `null` for none; a list of flags otherwise. */
  readonly command: readonly string[] | null;
  readonly commandForm: "flow" | "lines" | "block";
  readonly isNameLast: boolean;
  readonly comment: string;
}

/** How a whole CI file may be written. */
export interface CiText {
  readonly jobs: readonly {
    readonly services: readonly ServiceText[];
    readonly isFlow: boolean;
    readonly isDefault: boolean;
    readonly anchor: boolean;
    readonly comments: readonly string[];
  }[];
  readonly indent: number;
  readonly dashIndent: number;
  readonly gap: number;
  readonly lineBreak: "\n" | "\r\n";
  readonly hasMark: boolean;
  readonly endsWithBreak: boolean;
  readonly hasHeader: boolean;
}

const NAMES = [
  "docker:24-dind",
  "docker:dind",
  "docker:20.10.6-dind-rootless",
  "reg.lan:5000/mirror/docker:27-dind",
  "$CI_DEPENDENCY_PROXY_GROUP_IMAGE_PREFIX/docker:stable-dind",
  "gitlab/dind:latest",
  "redis:7",
  "postgres:16-alpine",
  "docker:24",
] as const;

const COMMENTS = ["", " # c", "   # docker:dind [x] {y}", "\t# tab", " #"] as const;

const FLAGS = [
  "--mtu=1400",
  "--tls=false",
  "--insecure-registry=reg.lan:5000",
  "--experimental",
] as const;

const service: fc.Arbitrary<ServiceText> = fc.record({
  name: fc.constantFrom(...NAMES),
  quote: fc.constantFrom("", "'", '"'),
  form: fc.constantFrom("name", "block", "flow"),
  command: fc.option(fc.array(fc.constantFrom(...FLAGS), { maxLength: 3 })),
  commandForm: fc.constantFrom("flow", "lines", "block"),
  isNameLast: fc.boolean(),
  comment: fc.constantFrom(...COMMENTS),
});

/** CI files in every style that people write. */
export const ciText: fc.Arbitrary<CiText> = fc.record({
  jobs: fc.array(
    fc.record({
      services: fc.array(service, { maxLength: 4 }),
      isFlow: fc.boolean(),
      isDefault: fc.boolean(),
      anchor: fc.boolean(),
      comments: fc.array(fc.constantFrom("# one", "", "  # services: [docker:dind]", "\t"), {
        maxLength: 2,
      }),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  indent: fc.integer({ min: 1, max: 8 }),
  dashIndent: fc.integer({ min: 0, max: 4 }),
  gap: fc.integer({ min: 1, max: 3 }),
  lineBreak: fc.constantFrom("\n", "\r\n"),
  hasMark: fc.boolean(),
  endsWithBreak: fc.boolean(),
  hasHeader: fc.boolean(),
});

/** Writes the file out. */
export function renderCi(ci: CiText): string {
  const lines = ci.hasHeader ? ["spec:", "  inputs: {}", "---"] : [];
  for (const [number, job] of ci.jobs.entries()) {
    const pad = " ".repeat(ci.indent);
    const name = job.isDefault && number === 0 ? "default" : `job ${number}`;
    lines.push(...job.comments, `${name}:${job.anchor ? ` &anchor${number}` : ""} # a job`);
    if (job.isFlow) {
      const items = job.services.map((item) => flowService(item));
      lines.push(`${pad}services: [${items.join(", ")}]`);
    } else {
      lines.push(`${pad}services:${job.services.length === 0 ? " []" : ""}`);
      for (const item of job.services) lines.push(...blockService(item, ci), ...job.comments);
    }
    lines.push(`${pad}script:`, `${pad}  - echo "services: docker:dind"`);
    if (job.anchor)
      lines.push(`user ${number}:`, `${pad}<<: *anchor${number}`, `${pad}stage: test`);
  }
  const text = lines.join(ci.lineBreak) + (ci.endsWithBreak ? ci.lineBreak : "");
  return `${ci.hasMark ? "\uFEFF" : ""}${text}`;
}

function scalar({ name, quote }: ServiceText): string {
  return `${quote}${name}${quote}`;
}

function flowList(flags: readonly string[]): string {
  return `[${flags.map((flag) => `"${flag}"`).join(", ")}]`;
}

function flowService(item: ServiceText): string {
  if (item.form === "name") return scalar(item);
  const parts = [`name: ${scalar(item)}`, "alias: x"];
  if (item.command !== null) parts.push(`command: ${flowList(item.command)}`);
  return `{ ${(item.isNameLast ? parts.toReversed() : parts).join(", ")} }`;
}

function blockService(item: ServiceText, ci: CiText): readonly string[] {
  const dash = `${" ".repeat(ci.indent + ci.dashIndent)}-${" ".repeat(ci.gap)}`;
  if (item.form === "name") return [`${dash}${scalar(item)}${item.comment}`];
  if (item.form === "flow") return [`${dash}${flowService(item)}${item.comment}`];
  const parts = [[`name: ${scalar(item)}${item.comment}`], ["alias: x # y"]];
  if (item.command !== null) parts.push(command(item, item.command));
  const lines = (item.isNameLast ? parts.toReversed() : parts).flat();
  return lines.map((line, number) => `${number === 0 ? dash : " ".repeat(dash.length)}${line}`);
}

function command({ commandForm, comment }: ServiceText, flags: readonly string[]): string[] {
  if (flags.length === 0 || commandForm === "flow")
    return [`command: ${flowList(flags)}${comment}`];
  if (commandForm === "block") return ["command:", ...flags.map((flag) => `  - ${flag}${comment}`)];
  return [
    "command: [",
    ...flags.map((flag) => `    "${flag}",${comment.trim() === "" ? "" : comment}`),
    "  ]",
  ];
}
