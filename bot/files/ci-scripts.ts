import { type Pair, isMap } from "yaml";

import { type CiHolder, type ScriptLine, findHolders, readScript } from "./ci-file.ts";
import { type CiFacts, inherited, startsDockerd } from "./ci-facts.ts";
import { classifyService, expand } from "./dind.ts";
import type { Mirror } from "./mirror.ts";
import { endOfLine, startOfLine } from "./source-text.ts";
import type { Edit, EditOptions, Left } from "./types.ts";
import {
  type YamlFile,
  endOf,
  findPair,
  keyText,
  resolve,
  scalarText,
  startOf,
} from "./yaml-file.ts";

/** A line of a job's script that pulls images past the daemon's mirror, or starts a daemon without one. */
export interface ScriptPull {
  readonly tool: "dockerd" | "buildx" | "buildah" | "podman";
  readonly job: string;
  readonly line: number;
  readonly text: string;
}

/** `docker buildx create` makes a builder in a container of its own unless told otherwise. */
const BUILDX = /\bdocker\s+buildx\s+create\b|\bdocker-buildx\s+create\b/;
const BUILDX_CONFIG = /--(?:buildkitd-)?config[=\s]/;
const BUILDX_OTHER_DRIVER = /--driver[=\s]+["']?(?:remote|docker|cloud)\b(?!-container)/;
const BUILDAH =
  /(?:^|[\s;&|(])buildah\s+(?:\S+\s+)*?(?:bud|build|build-using-dockerfile|from|pull)\b/;
const PODMAN = /(?:^|[\s;&|(])podman\s+(?:\S+\s+)*?(?:build|run|pull|create)\b/;

/** Finds in scripts what obeys no setting of a dind service; each line once, each tool once for a job. */
export function findScriptPulls(file: YamlFile): readonly ScriptPull[] {
  const pulls = new Map<string, ScriptPull>();
  for (const { name, map } of findHolders(file)) {
    const told = new Set<string>();
    for (const line of readScript(file, map)) {
      const tool = toolOf(line);
      const key = `${line.line}:${tool}`;
      if (tool === null || told.has(tool) || pulls.has(key)) continue;
      told.add(tool);
      pulls.set(key, { tool, job: name ?? "the top level", line: line.line, text: line.text });
    }
  }
  return [...pulls.values()];
}

function toolOf({ text }: ScriptLine): ScriptPull["tool"] | null {
  if (startsDockerd(text) && !text.includes("--registry-mirror")) return "dockerd";
  if (BUILDX.test(text) && !BUILDX_CONFIG.test(text) && !BUILDX_OTHER_DRIVER.test(text))
    return "buildx";
  if (BUILDAH.test(text)) return "buildah";
  return PODMAN.test(text) ? "podman" : null;
}

/** Says what a script would need; scripts are never edited. */
export function planScripts(file: YamlFile, mirror: Mirror): readonly Left[] {
  return findScriptPulls(file).map((pull) => ({
    verdict: "suggest",
    line: pull.line,
    attention: true,
    ...advice(pull, mirror),
  }));
}

function advice(
  { tool, job }: ScriptPull,
  mirror: Mirror,
): Pick<Left, "code" | "reason" | "snippet"> {
  if (tool === "dockerd") {
    return {
      code: "dockerd-in-script",
      reason: `the script of ${job} starts dockerd itself, without a mirror`,
      snippet: `--registry-mirror=${mirror.url}`,
    };
  }
  if (tool === "buildx") {
    return {
      code: "buildx-builder",
      reason: `the script of ${job} makes a buildx builder, which ignores the daemon's mirror and wants a buildkitd.toml`,
      snippet: `--buildkitd-config ci/buildkitd.toml, with:\n[registry."docker.io"]\n  mirrors = ["${mirror.host}"]`,
    };
  }
  const insecure = mirror.insecure ? "\ninsecure = true" : "";
  return {
    code: tool,
    reason: `the script of ${job} pulls with ${tool}, which reads registries.conf and no setting of Docker's`,
    snippet: `[[registry]]\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "${mirror.host}"${insecure}`,
  };
}

/** Jobs that use Docker's client with no daemon in sight: the runner lends its own, or adds one. */
export function planClients(file: YamlFile, facts: CiFacts): readonly Left[] {
  const left: Left[] = [];
  for (const { name, map } of findHolders(file)) {
    const image = map.items.findLast((pair) => keyText(pair) === "image");
    if (image === undefined || !isClientImage(file, image, facts)) continue;
    if (bringsDaemon(file, { name, map }, facts)) continue;
    left.push({
      verdict: "suggest",
      line: file.lineAt(startOf(image.key as Parameters<typeof startOf>[0])),
      code: "no-dind-here",
      reason: `${name ?? "the top level"} uses Docker's client without a dind service: the daemon is the runner's, and so is its mirror setting`,
      attention: true,
    });
  }
  return left;
}

function isClientImage(file: YamlFile, { value }: Pair, facts: CiFacts): boolean {
  const node = resolve(file, value);
  const name = isMap(node)
    ? scalarText(file, findPair(file, node, "name")?.pair.value)
    : scalarText(file, node);
  // Docker's own image, from Docker Hub or through a proxy; the tag may be anything.
  return name !== null && /(?:^|\/)docker(?:[:@]|$)/.test(expand(name, facts.variables));
}

function bringsDaemon(file: YamlFile, { name, map }: CiHolder, facts: CiFacts): boolean {
  if (readScript(file, map).some(({ text }) => startsDockerd(text))) return true;
  const isTemplate = name === null || name === "default" || name.startsWith(".");
  if (isTemplate) {
    // Whoever takes the image from here may bring the daemon along.
    return [...facts.jobs.values()].some(({ services }) =>
      (services ?? []).some((service) => mayBeDind(service, facts)),
    );
  }
  const services = inherited(facts, name, "services");
  return services === "elsewhere" || (services ?? []).some((service) => mayBeDind(service, facts));
}

function mayBeDind(service: string, facts: CiFacts): boolean {
  return classifyService(service, facts.variables) !== "other";
}

/** A variable that looks as if it set the mirror of a dind service, and that nothing reads. */
export interface IdleVariable {
  readonly name: string;
  readonly line: number;
  readonly map: NonNullable<CiHolder["map"]>;
  readonly number: number;
}

/** Finds `DOCKER_OPTS` and its like with a mirror flag in them, where no script or entrypoint uses them. */
export function findIdleVariables(file: YamlFile, facts: CiFacts): readonly IdleVariable[] {
  const found: IdleVariable[] = [];
  const seen = new Set<unknown>();
  for (const holder of findHolders(file)) {
    const block = resolve(file, findPair(file, holder.map, "variables")?.pair.value);
    if (!isMap(block) || seen.has(block)) continue;
    seen.add(block);
    for (const [number, pair] of block.items.entries()) {
      const name = keyText(pair) ?? "";
      if (!/^(?:DOCKER|DOCKERD|DIND)_(?:OPTS|OPTIONS|EXTRA_OPTS|ARGS)$/.test(name)) continue;
      const isIdle =
        scalarText(file, pair.value)?.includes("--registry-mirror") === true &&
        !facts.optionsRead.has(name);
      const node = pair.key as Parameters<typeof startOf>[0];
      if (isIdle) found.push({ name, line: file.lineAt(startOf(node)), map: block, number });
    }
  }
  return found;
}

/** Removes such variables where the caller asked for it; else says that they do nothing. */
export function planIdleVariables(
  file: YamlFile,
  facts: CiFacts,
  options: EditOptions,
): readonly (Edit | Left)[] {
  return findIdleVariables(file, facts).map((idle) => {
    const pair = idle.map.items[idle.number];
    const isAlone = idle.map.items.length === 1;
    if (options.tidy !== true || isAlone || idle.map.flow === true || pair === undefined) {
      return {
        verdict: "leave",
        line: idle.line,
        code: "idle-variable",
        reason: `${idle.name} does nothing: dockerd in a dind service does not read it`,
        attention: false,
      };
    }
    const { source } = file;
    const key = pair.key as Parameters<typeof startOf>[0];
    const start = startOfLine(source, startOf(key));
    const lineEnd = endOfLine(source, endOf(source, pair.value as typeof key));
    const end = source.startsWith("\r\n", lineEnd)
      ? lineEnd + 2
      : Math.min(lineEnd + 1, source.length);
    return {
      verdict: "edit",
      line: idle.line,
      splices: [{ start, end, text: "" }],
      changes: [{ op: "remove", path: [...file.pathOf(idle.map), "pairs", idle.number] }],
      why: `${idle.name} goes: dockerd in a dind service does not read it`,
      purpose: "repair",
    };
  });
}
