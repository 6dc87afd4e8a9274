import type { Api } from "./api.ts";
import { isGitLabError } from "./errors.ts";
import { findFile, listTree } from "./repository.ts";
import type { Project } from "./schema.ts";

/** Words of a CI configuration that lead to other files: what it includes, and what its builders are configured by. */
const LEADS_ELSEWHERE = /\binclude\b|buildx|buildkit|buildah|podman/i;
/** GitLab's page; a shorter one is the last. */
const PAGE = 100;
/** 200 pages, 20,000 entries: a repository larger than that is looked at in part, and this is said. */
const MAX_PAGES = 200;

/** How to look at a repository. */
export interface RemoteFilesOptions {
  /** A branch or a commit. */
  readonly ref: string;
  /** The project's CI configuration file. */
  readonly ciConfigPath: string;
  /** Whether every path is wanted, and not only what the CI configuration may lead to. */
  readonly deep: boolean;
}

/** A file that was read. */
export interface OpenedFile {
  /** `null` where it is no UTF-8. */
  readonly text: string | null;
  readonly lastCommitId: string;
}

/**
 * The files of one project, read through the API as they are asked for, each once.
 *
 * The first file read tells which commit the branch is at; everything after is read at that commit. A repository of
 * up to 100 entries takes one call to list. A larger one is listed whole only where its CI configuration leads to
 * other files, so that a fleet's run stays cheap.
 */
export class RemoteFiles {
  readonly opened = new Map<string, OpenedFile>();
  /** The commit that everything was read at; `null` before the first file. */
  base: string | null = null;
  /** Whether the repository has more entries than the bot lists at most. */
  isCut = false;
  private isPartial = false;
  private paths: readonly string[] | null = null;
  private readonly api: Api;
  private readonly projectId: number;
  private readonly options: RemoteFilesOptions;
  private reading: Promise<unknown> = Promise.resolve();

  constructor(api: Api, project: Pick<Project, "id">, options: RemoteFilesOptions) {
    this.api = api;
    this.projectId = project.id;
    this.options = options;
  }

  /** Paths of all regular files; of a large repository, only the first ones and those that matter. */
  async list(): Promise<readonly string[]> {
    this.paths ??= await this.listOnce();
    return this.paths;
  }

  /** Whether a file is there, as far as the listing tells. */
  async mayHave(path: string): Promise<boolean> {
    const paths = await this.list();
    return this.isPartial || paths.includes(path);
  }

  /** A file's text as it is; `null` where it is gone or no UTF-8. */
  async read(path: string): Promise<string | null> {
    // One after the other: the first tells the commit for all.
    const next = this.reading.then(() => this.readOnce(path));
    this.reading = next.catch(() => undefined);
    return next;
  }

  private async readOnce(path: string): Promise<string | null> {
    const known = this.opened.get(path);
    if (known) return known.text;
    const ref = this.base ?? this.options.ref;
    const file = await findFile(this.api, this.projectId, { path, ref });
    if (file === null) return null;
    this.base ??= file.commitId;
    const text = decode(file.bytes);
    this.opened.set(path, { text, lastCommitId: file.lastCommitId });
    return text;
  }

  private async listOnce(): Promise<readonly string[]> {
    const paths: string[] = [];
    let pages = 0;
    try {
      for await (const page of listTree(this.api, this.projectId, this.options.ref)) {
        pages += 1;
        for (const { path, type, mode } of page) {
          if (type === "blob" && mode !== "120000") paths.push(path);
        }
        if (page.length < PAGE) return paths;
        this.isCut = pages === MAX_PAGES;
        if (this.isCut) break;
        if (pages === 1 && !(await this.isWorthListing())) break;
      }
    } catch (error) {
      // "404 Tree Not Found": a repository without a commit.
      if (isGitLabError(error, 404) && pages === 0) return [];
      throw error;
    }
    this.isPartial = true;
    const { ciConfigPath } = this.options;
    const isListed = paths.includes(ciConfigPath);
    return isListed || (await this.read(ciConfigPath)) === null ? paths : [...paths, ciConfigPath];
  }

  private async isWorthListing(): Promise<boolean> {
    if (this.options.deep) return true;
    const text = await this.read(this.options.ciConfigPath);
    return text !== null && LEADS_ELSEWHERE.test(text);
  }
}

/** Byte order marks stay; what is no UTF-8 is nobody's to edit. */
function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
