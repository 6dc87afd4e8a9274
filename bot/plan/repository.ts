/** The files of a repository, wherever they are: a local checkout, or GitLab's API at one commit. */
export interface RepositoryFiles {
  /** Paths of all regular files, with `/`, relative to the root. */
  list(): Promise<readonly string[]>;
  /** The text of a file with byte order mark and line ends as they are; `null` where it is gone or no UTF-8. */
  read(path: string): Promise<string | null>;
}

/** Files held in memory: what tests use, and what a caller uses that has them already. */
export function createMemoryFiles(contents: Readonly<Record<string, string>>): RepositoryFiles {
  return {
    list: () => Promise.resolve(Object.keys(contents)),
    read: (path) =>
      Promise.resolve(Object.hasOwn(contents, path) ? (contents[path] ?? null) : null),
  };
}
