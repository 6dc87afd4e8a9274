import { type Scalar, isScalar, visit } from "yaml";

import { lintRunnerConfig } from "./runner-lint.ts";
import { planRunnerToml } from "./runner-config.ts";
import { endOfLine } from "./source-text.ts";
import { isTemplatePath, planTemplate } from "./template.ts";
import { tomlData } from "./toml-file.ts";
import type { DataChange, Edit, FileKind, FilePlan, Left, SourceFile, Splice } from "./types.ts";
import { type YamlFile, isYamlProblem, readYaml, startOf, yamlData } from "./yaml-file.ts";
import type { EditOptions } from "./types.ts";
import type { Finding } from "./finding.ts";

/** Values of GitLab Runner's Helm chart, and ConfigMaps: the runner's TOML inside a YAML block scalar. */
export const helmValues: FileKind = {
  id: "helm-values",
  layer: "runner",
  matches: (path) => isValuesPath(path),
  plan,
  lint,
  data,
};

function isValuesPath(path: string): boolean {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return (
    /\.ya?ml(?:\.(?:j2|jinja2?|tpl|tftpl|tmpl|erb|gotmpl))?$/i.test(name) &&
    (/values|runner|config-?map|helmrelease/i.test(name) || /runner/i.test(path))
  );
}

const HOLDS_RUNNERS = /^\s*\[+\s*runners\b/m;

function plan(file: SourceFile, options: EditOptions): FilePlan {
  if (!HOLDS_RUNNERS.test(file.source)) return { edits: [], left: [] };
  const yaml = isTemplatePath(file.path) ? null : readYaml(file.source);
  if (yaml === null || isYamlProblem(yaml)) return planTemplate(file, options);
  const edits: Edit[] = [];
  const left: Left[] = [];
  for (const block of findBlocks(yaml)) {
    const inner = planRunnerToml({ ...file, source: block.toml }, options);
    const lineOf = (line: number): number => block.line + line - 1;
    for (const edit of inner.edits) edits.push(outward(block, edit, lineOf(edit.line)));
    for (const item of inner.left) left.push({ ...item, line: lineOf(item.line) });
  }
  return { edits, left };
}

function lint(file: SourceFile, mirror: Parameters<FileKind["lint"]>[1]): readonly Finding[] {
  if (!HOLDS_RUNNERS.test(file.source)) return [];
  const yaml = readYaml(file.source);
  if (isYamlProblem(yaml)) return [];
  return findBlocks(yaml).flatMap((block) =>
    lintRunnerConfig({ ...file, source: block.toml }, mirror).map((finding) => ({
      ...finding,
      line: block.line + finding.line - 1,
    })),
  );
}

/** A block scalar with TOML in it, and how to get from the one's offsets to the other's. */
interface Block {
  readonly toml: string;
  /** Line of the source on which the TOML begins. */
  readonly line: number;
  readonly indent: string;
  /** Of each line: offset in the TOML, and offset of the same character in the source. */
  readonly lines: readonly { readonly inner: number; readonly outer: number }[];
  readonly path: readonly (string | number)[];
}

function findBlocks(yaml: YamlFile): readonly Block[] {
  const blocks: Block[] = [];
  for (const document of yaml.documents) {
    visit(document, {
      Scalar: (_, node) => {
        const block = isBlock(node) ? readBlock(yaml, node) : null;
        if (block !== null) blocks.push(block);
      },
    });
  }
  return blocks;
}

function isBlock(node: Scalar): boolean {
  return isScalar(node) && node.type === "BLOCK_LITERAL" && HOLDS_RUNNERS.test(String(node.value));
}

/** Takes the indent off each line, as YAML does, and keeps line ends as they are. */
function readBlock(yaml: YamlFile, node: Scalar): Block | null {
  const { source } = yaml;
  const head = endOfLine(source, startOf(node));
  const first = source.indexOf("\n", head) + 1;
  const end = node.range?.[1] ?? first;
  const text = source.slice(first, end);
  const indent = /^[ ]*(?=\S)/m.exec(text)?.[0] ?? "";
  const lines: { inner: number; outer: number }[] = [];
  let toml = "";
  let outer = first;
  for (const line of text.split(/(?<=\n)/)) {
    const cut = Math.min(indent.length, /^ */.exec(line)?.[0].length ?? 0);
    lines.push({ inner: toml.length, outer: outer + cut });
    toml += line.slice(cut);
    outer += line.length;
  }
  return { toml, line: yaml.lineAt(first), indent, lines, path: yaml.pathOf(node) };
}

function outward(block: Block, edit: Edit, line: number): Edit {
  return {
    ...edit,
    line,
    splices: edit.splices.map((splice) => outwardSplice(block, splice)),
    changes: edit.changes.map((change): DataChange => ({
      ...change,
      path: [...block.path, "toml", ...change.path],
    })),
  };
}

function outwardSplice(block: Block, { start, end, text }: Splice): Splice {
  return {
    start: outwardOffset(block, start),
    end: outwardOffset(block, end),
    text: text.replaceAll("\n", `\n${block.indent}`),
  };
}

function outwardOffset({ lines }: Block, offset: number): number {
  const line = lines.findLast(({ inner }) => inner <= offset) ?? { inner: 0, outer: 0 };
  return line.outer + offset - line.inner;
}

/** The file's data with each runner's TOML as data in it, so that edits are compared inside as well. */
function data(source: string): unknown {
  const yaml = readYaml(source);
  if (isYamlProblem(yaml)) return null;
  const whole = yamlData(source);
  for (const block of findBlocks(yaml)) {
    const toml = tomlData(block.toml);
    if (toml === null || !put(whole, block.path, { toml })) return null;
  }
  return whole;
}

function put(root: unknown, path: readonly (string | number)[], value: unknown): boolean {
  let parent = root;
  for (const step of path.slice(0, -1)) {
    parent = (parent as Record<string | number, unknown> | null)?.[step];
  }
  const last = path.at(-1);
  if (typeof parent !== "object" || parent === null || last === undefined) return false;
  (parent as Record<string | number, unknown>)[last] = value;
  return true;
}
