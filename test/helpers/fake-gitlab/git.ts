import { createHash } from "node:crypto";

/** A file of one commit. */
interface Blob {
  readonly content: Buffer;
  readonly executable: boolean;
  /** Git's own name of the content, so that a clone would agree. */
  readonly sha: string;
}

/** One commit: a whole tree, and where it came from. */
export interface Commit {
  readonly sha: string;
  readonly parents: readonly string[];
  readonly files: ReadonlyMap<string, Blob>;
  readonly message: string;
  readonly author: { readonly name: string; readonly email: string };
  readonly at: string;
}

/** A change of one path; `null` removes it. */
export type Change = readonly [
  path: string,
  content: Buffer | null,
  executable?: boolean | undefined,
];

/** What a new commit is made of. */
export interface NewCommit {
  readonly branch: string;
  /** The parent; `null` starts a repository. */
  readonly parent: string | null;
  readonly changes: readonly Change[];
  readonly message: string;
  readonly author: { readonly name: string; readonly email: string };
  readonly at: string;
}

/** Git's object name of a file's content. */
function blobSha(content: Buffer): string {
  return createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
}

/** A repository in memory: whole trees per commit, branches by name, and the few questions GitLab asks of it. */
export class Repository {
  readonly commits = new Map<string, Commit>();
  readonly branches = new Map<string, string>();

  /** Adds a commit and moves the branch to it. All or nothing, as Gitaly's `UserCommitFiles` is. */
  commit(input: NewCommit): Commit {
    const files = new Map(input.parent === null ? [] : this.must(input.parent).files);
    for (const [path, content, executable] of input.changes) {
      if (content === null) files.delete(path);
      else {
        const mode = executable ?? files.get(path)?.executable ?? false;
        files.set(path, { content, executable: mode, sha: blobSha(content) });
      }
    }
    return this.add({ ...input, files, parents: input.parent === null ? [] : [input.parent] });
  }

  /** Merges `source` into `target`, taking each path from the side that changed it. */
  merge(source: string, target: string, meta: Omit<NewCommit, "parent" | "changes">): Commit {
    const ours = this.must(target);
    const theirs = this.must(source);
    const base = this.mergeBase(source, target)?.files ?? new Map<string, Blob>();
    const files = new Map(ours.files);
    for (const path of new Set([...base.keys(), ...theirs.files.keys()])) {
      const blob = theirs.files.get(path);
      if (blob?.sha === base.get(path)?.sha) continue;
      if (blob) files.set(path, blob);
      else files.delete(path);
    }
    return this.add({ ...meta, files, parents: [target, source] });
  }

  /** Finds the commit that a branch or a SHA names. */
  resolve(ref: string): Commit | null {
    const sha = this.branches.get(ref) ?? ref;
    return this.commits.get(sha) ?? null;
  }

  /** Every commit reachable from `sha`, newest first. */
  *log(sha: string): Generator<Commit> {
    const seen = new Set<string>();
    const queue = [sha];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      if (seen.has(next)) continue;
      seen.add(next);
      const commit = this.must(next);
      yield commit;
      queue.push(...commit.parents);
    }
  }

  /** The last commit that changed `path`, seen from `sha`; `null` where none did. */
  lastCommitFor(sha: string, path: string): Commit | null {
    for (const commit of this.log(sha)) {
      const before = commit.parents.map((parent) => this.must(parent).files.get(path)?.sha);
      const after = commit.files.get(path)?.sha;
      if (before.length === 0 ? after !== undefined : before.every((sha) => sha !== after)) {
        return commit;
      }
    }
    return null;
  }

  /** Commits of `to` that `from` has not, newest first. */
  range(from: string, to: string): Commit[] {
    const known = new Set([...this.log(from)].map((commit) => commit.sha));
    return [...this.log(to)].filter((commit) => !known.has(commit.sha));
  }

  /** The newest commit both have. */
  mergeBase(one: string, other: string): Commit | null {
    const known = new Set([...this.log(one)].map((commit) => commit.sha));
    for (const commit of this.log(other)) if (known.has(commit.sha)) return commit;
    return null;
  }

  /** Says whether a merge would stop: both sides changed the same lines of a file. */
  hasConflicts(source: string, target: string): boolean {
    const base = this.mergeBase(source, target);
    if (!base) return true;
    const [ours, theirs] = [this.must(target).files, this.must(source).files];
    for (const path of new Set([...base.files.keys(), ...ours.keys(), ...theirs.keys()])) {
      const [b, o, t] = [base.files.get(path), ours.get(path), theirs.get(path)];
      if (o?.sha === t?.sha || o?.sha === b?.sha || t?.sha === b?.sha) continue;
      if (!b || !o || !t || overlaps(b.content, o.content, t.content)) return true;
    }
    return false;
  }

  /** Paths that differ between two commits. */
  changedPaths(from: string, to: string): string[] {
    const [a, b] = [this.must(from).files, this.must(to).files];
    return [...new Set([...a.keys(), ...b.keys()])]
      .filter((path) => a.get(path)?.sha !== b.get(path)?.sha)
      .toSorted();
  }

  private must(sha: string): Commit {
    const commit = this.commits.get(sha);
    if (!commit) throw new Error(`no commit ${sha}`);
    return commit;
  }

  private add(input: Omit<NewCommit, "parent" | "changes"> & Pick<Commit, "files" | "parents">) {
    const { branch, message, author, at, files, parents } = input;
    const hash = createHash("sha1").update(JSON.stringify([parents, message, author, at]));
    for (const [path, blob] of files) hash.update(`\0${path}\0${blob.sha}\0${blob.executable}`);
    // The number makes two equal commits two commits, as the clock does for git.
    const sha = hash.update(String(this.commits.size)).digest("hex");
    const commit: Commit = { sha, parents, files, message, author, at };
    this.commits.set(sha, commit);
    this.branches.set(branch, sha);
    return commit;
  }
}

/** One changed region a side: enough to tell edits of the same lines from edits far apart. */
function overlaps(base: Buffer, one: Buffer, other: Buffer): boolean {
  const lines = base.toString().split("\n");
  const [a, b] = [one, other].map((side) => region(lines, side.toString().split("\n")));
  return a !== undefined && b !== undefined && a[0] <= b[1] && b[0] <= a[1];
}

function region(base: readonly string[], side: readonly string[]): [number, number] {
  let start = 0;
  while (start < base.length && start < side.length && base[start] === side[start]) start += 1;
  let end = 0;
  while (
    end < base.length - start &&
    end < side.length - start &&
    base[base.length - 1 - end] === side[side.length - 1 - end]
  ) {
    end += 1;
  }
  return [start, base.length - end];
}
