/** What the CI files of a repository say together: GitLab merges them before it looks at a job. */
export interface CiFacts {
  /** Global variables of all files with their values. */
  readonly variables: ReadonlyMap<string, string>;
}
