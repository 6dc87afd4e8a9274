import { type CiFacts, type CiSurvey, mergeSurveys, surveyCi } from "../files/ci-facts.ts";
import { expand } from "../files/dind.ts";
import { matchesInclude, repositoryPath } from "./include-path.ts";
import type { RepositoryFiles } from "./repository.ts";

/** Where GitLab looks unless a project says otherwise. */
const DEFAULT_CI_PATH = ".gitlab-ci.yml";

/** GitLab's own limit of includes in one pipeline; child pipelines add theirs, so this is only against circles. */
const MAX_FILES = 1000;

/** What {@link readCiFiles} needs beside the files. */
export interface CiSearch {
  readonly paths: readonly string[];
  readonly ciConfigPath?: string | undefined;
  readonly mergedYaml?: string | undefined;
}

/** Follows `include:local` from the CI configuration file, and reads what the files say together. */
export async function readCiFiles(files: RepositoryFiles, search: CiSearch): Promise<CiFacts> {
  const rootPath = repositoryPath(search.ciConfigPath ?? DEFAULT_CI_PATH);
  const known = new Set(search.paths);
  const surveys = new Map<string, CiSurvey>();
  const queue = [rootPath];
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    if (!known.has(path) || surveys.has(path) || surveys.size >= MAX_FILES) continue;
    const source = await files.read(path);
    const survey = surveyCi(source ?? "");
    surveys.set(path, survey);
    for (const { source: from, target } of survey.includes) {
      if (from === "local") queue.push(...findIncluded(target, survey, search.paths));
    }
  }
  return mergeSurveys(surveys, { rootPath, mergedYaml: search.mergedYaml ?? null });
}

function findIncluded(
  target: string,
  survey: CiSurvey,
  paths: readonly string[],
): readonly string[] {
  const pattern = repositoryPath(expand(target, survey.variables));
  if (!pattern.includes("*")) return [pattern];
  return paths.filter((path) => /\.ya?ml$/.test(path) && matchesInclude(pattern, path));
}
