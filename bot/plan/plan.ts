import { FILE_KINDS } from "../files/index.ts";
import type { Mirror } from "../files/mirror.ts";
import { applyEdits, verifyEdits } from "../files/splice.ts";
import type {
  ConflictPolicy,
  Edit,
  EditOptions,
  FileKind,
  FilePlan,
  Layer,
  Left,
  RepositoryView,
  SourceFile,
} from "../files/types.ts";
import { readCiFiles } from "./ci-files.ts";
import type { RepositoryFiles } from "./repository.ts";

/** What to plan, and how. */
export interface PlanOptions {
  readonly mirror: Mirror;
  /** What to do about other mirrors. Absent: as each kind has it, which for flags in a service's command is `leave`. */
  readonly conflict?: ConflictPolicy | undefined;
  /** Only the files of these layers. Absent: all. */
  readonly only?: readonly Layer[] | undefined;
  /** The project's CI configuration file, where it is not `.gitlab-ci.yml`. */
  readonly ciConfigPath?: string | undefined;
  /** GitLab's expanded configuration (`merged_yaml`): shows dind services that come in from other projects. */
  readonly mergedYaml?: string | undefined;
  /** Also remove settings that have no effect. */
  readonly tidy?: boolean | undefined;
}

/** A file to be changed. */
export interface PlannedFile {
  readonly path: string;
  readonly kind: string;
  readonly before: string;
  readonly after: string;
  readonly edits: readonly Edit[];
  /** What stays as it is in this same file. */
  readonly left: readonly LeftAlone[];
}

/** A place left as it is, with its file. */
export interface LeftAlone extends Left {
  readonly path: string;
  readonly kind: string;
}

/** Everything that would be done to a repository, and everything that would not. */
export interface Plan {
  /** Files that change, sorted by path. */
  readonly files: readonly PlannedFile[];
  /** Everything left alone, in changed and in unchanged files, sorted by path and line. */
  readonly left: readonly LeftAlone[];
  /** How many files were looked into. */
  readonly examined: number;
}

/** Plans the edits of a repository. Pure but for the reads: writes nothing, asks nobody else. */
export async function createPlan(files: RepositoryFiles, options: PlanOptions): Promise<Plan> {
  const found = await findFiles(files, options);
  const planned: PlannedFile[] = [];
  const left: LeftAlone[] = [];
  for (const { path, kind } of found.files) {
    const source = await files.read(path);
    const outcome = planFile(kind, { path, source, repository: found.repository }, options);
    left.push(...outcome.left);
    if (outcome.after !== outcome.before) planned.push(outcome);
  }
  return { files: planned, left, examined: found.files.length };
}

/** Whether something in a plan waits for a person. */
export function needsPerson(plan: Plan): boolean {
  return plan.left.some((left) => left.attention);
}

/** Files of a known kind, and what they must know of each other. */
export interface FoundFiles {
  readonly files: readonly { readonly path: string; readonly kind: FileKind }[];
  readonly repository: RepositoryView;
}

/** Finds the files of known kinds, sorted by path; for that it follows the CI files' includes. */
export async function findFiles(
  files: RepositoryFiles,
  options: Pick<PlanOptions, "only" | "ciConfigPath" | "mergedYaml">,
): Promise<FoundFiles> {
  const paths = await files.list();
  const { ciConfigPath, mergedYaml, only } = options;
  const ci = await readCiFiles(files, { paths, ciConfigPath, mergedYaml });
  const repository: RepositoryView = { paths: new Set(paths), ci };
  const found = paths.toSorted().flatMap((path) => {
    const kind = FILE_KINDS.find((candidate) => candidate.matches(path, repository));
    return kind !== undefined && (only ?? [kind.layer]).includes(kind.layer)
      ? [{ path, kind }]
      : [];
  });
  return { files: found, repository };
}

interface UnreadFile extends Omit<SourceFile, "source"> {
  /** `null` where it could not be read as text. */
  readonly source: string | null;
}

/** 4 MiB: a hundred times the largest file of these kinds that was met, and still no memory to speak of. */
const MAX_LENGTH = 4 * 1024 * 1024;

/** Plans one file, and keeps only what stands the test: applied, read again, and planned again. */
function planFile(
  kind: FileKind,
  { path, source, repository }: UnreadFile,
  options: PlanOptions,
): PlannedFile {
  const place = { path, kind: kind.id };
  if (source === null || source.length > MAX_LENGTH) {
    const reason = source === null ? "could not be read as UTF-8 text" : "is larger than 4 MiB";
    const item = {
      verdict: "leave",
      line: 1,
      code: "not-read",
      reason,
      attention: true,
      ...place,
    } as const;
    return { ...place, before: "", after: "", edits: [], left: [item] };
  }
  const file = { path, source, repository };
  const plan = kind.plan(file, editOptions(options));
  const after = settle(kind, file, { plan, options });
  const left = after === null ? [...plan.left, ...plan.edits.map(withdraw)] : plan.left;
  return {
    ...place,
    before: source,
    after: after ?? source,
    edits: after === null ? [] : plan.edits,
    left: left.map((item) => ({ ...item, ...place })),
  };
}

function editOptions({ mirror, conflict, tidy }: PlanOptions): EditOptions {
  return {
    mirror,
    ...(conflict === undefined ? {} : { conflict }),
    ...(tidy === undefined ? {} : { tidy }),
  };
}

/** The edited text, or `null` where it would not be what was planned. */
function settle(
  kind: FileKind,
  file: SourceFile,
  { plan, options }: { readonly plan: FilePlan; readonly options: PlanOptions },
): string | null {
  if (plan.edits.length === 0) return file.source;
  const after = applyEdits(file.source, plan.edits);
  if (after === null) return null;
  const again = kind.plan({ ...file, source: after }, editOptions(options));
  if (again.edits.length > 0) return null;
  const data = { before: dataOf(kind, plan, file.source), after: dataOf(kind, again, after) };
  return verifyEdits(data.before, data.after, plan.edits) ? after : null;
}

function dataOf(kind: FileKind, plan: FilePlan, source: string): unknown {
  return plan.data === undefined ? kind.data(source) : plan.data();
}

function withdraw(edit: Edit): Left {
  return {
    verdict: "suggest",
    line: edit.line,
    code: "unsafe",
    reason: `${edit.why}: written in a way that cannot be edited without touching more than that`,
    attention: true,
  };
}
