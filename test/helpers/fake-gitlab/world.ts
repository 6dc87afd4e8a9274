import { Repository } from "./git.ts";
import type {
  Group,
  Issue,
  Job,
  MergeRequest,
  Note,
  Pipeline,
  Project,
  Token,
  User,
} from "./model.ts";
import { scanText, type TextEffects } from "./text-effects.ts";

/** What a project starts with; everything has a default. */
export interface ProjectSeed {
  readonly files?: Readonly<Record<string, string | Buffer>>;
  readonly visibility?: Project["visibility"];
  readonly archived?: boolean;
  readonly mirror?: boolean;
  readonly markedForDeletion?: boolean;
  readonly topics?: readonly string[];
  readonly defaultBranch?: string;
  readonly mergeRequestsAccess?: Project["mergeRequestsAccess"];
  readonly repositoryAccess?: Project["repositoryAccess"];
  readonly ciConfigPath?: string | null;
  readonly forkedFrom?: number;
  readonly lintErrors?: readonly string[];
}

/** A push as a human makes it; `null` removes a file. */
export interface Push {
  readonly files: Readonly<Record<string, string | Buffer | null>>;
  readonly user?: User;
  readonly message?: string;
  readonly executable?: boolean;
}

/** A job as a test gives it. */
export type JobSeed = Partial<Omit<Job, "id">> & Pick<Job, "name">;

/** What GitLab did because of a text: quick actions it ran, people it wrote to. */
export interface TextEvent extends TextEffects {
  readonly where: string;
}

/** The whole instance: users, tokens, groups, projects, and the clock. */
export class World {
  readonly users: User[] = [];
  readonly tokens: Token[] = [];
  readonly groups: Group[] = [];
  readonly projects: Project[] = [];
  readonly textEvents: TextEvent[] = [];
  version = "18.5.0";
  private lastId = 0;
  private seconds = Date.parse("2026-11-02T08:00:00Z") / 1000;
  private readonly byPath = new Map<string, Project>();

  /** Time moves one second with each question, so that order shows. */
  now(): string {
    this.seconds += 1;
    return new Date(this.seconds * 1000).toISOString();
  }

  /** A number nobody has yet. */
  nextId(): number {
    this.lastId += 1;
    return this.lastId;
  }

  addUser(username: string, options: { bot?: boolean; admin?: boolean } = {}): User {
    const user: User = {
      id: this.nextId(),
      username,
      name: username,
      email: `${username}@example.com`,
      bot: options.bot ?? false,
      admin: options.admin ?? false,
    };
    this.users.push(user);
    return user;
  }

  addToken(user: User, scopes: readonly string[], expiresAt: string | null = null): Token {
    const id = this.nextId();
    const secret = `glpat-${String(id).padStart(20, "x")}`;
    const token = { id, secret, name: `token ${id}`, user, scopes, expiresAt, revoked: false };
    this.tokens.push(token);
    return token;
  }

  addGroup(path: string, members: readonly (readonly [User, number])[] = []): Group {
    const group = {
      id: this.nextId(),
      path,
      members: new Map(members.map(([user, role]) => [user.id, role])),
    };
    this.groups.push(group);
    return group;
  }

  addProject(path: string, seed: ProjectSeed = {}): Project {
    const project: Project = {
      id: this.nextId(),
      path,
      name: path.split("/").at(-1) ?? path,
      repository: new Repository(),
      members: new Map(),
      mergeRequests: [],
      issues: [],
      labels: [],
      pipelines: [],
      statuses: [],
      schedules: [],
      topics: [...(seed.topics ?? [])],
      defaultBranch: seed.defaultBranch ?? "main",
      protectedBranches: new Set([seed.defaultBranch ?? "main"]),
      visibility: seed.visibility ?? "private",
      archived: seed.archived ?? false,
      mirror: seed.mirror ?? false,
      markedForDeletion: seed.markedForDeletion ?? false,
      mergeRequestsAccess: seed.mergeRequestsAccess ?? "enabled",
      issuesAccess: "enabled",
      repositoryAccess: seed.repositoryAccess ?? "enabled",
      ciConfigPath: seed.ciConfigPath ?? null,
      forkedFrom: seed.forkedFrom ?? null,
      lintErrors: seed.lintErrors ?? null,
    };
    this.projects.push(project);
    this.byPath.set(path.toLowerCase(), project);
    const { files } = seed;
    if (files !== undefined) this.push(project, project.defaultBranch, { files });
    return project;
  }

  /** Finds by number or by full path, whatever its case. */
  findProject(idOrPath: string): Project | null {
    if (/^\d+$/.test(idOrPath)) {
      return this.projects.find((project) => project.id === Number(idOrPath)) ?? null;
    }
    return this.byPath.get(idOrPath.toLowerCase()) ?? null;
  }

  /** Commits as a human would. The branch starts at the default branch where it is new. */
  push(project: Project, branch: string, { files, ...options }: Push): string {
    const { repository } = project;
    const parent =
      repository.branches.get(branch) ?? repository.branches.get(project.defaultBranch) ?? null;
    const user = options.user ?? { name: "A Human", email: "human@example.com" };
    const commit = repository.commit({
      branch,
      parent,
      message: options.message ?? "Work",
      author: { name: user.name, email: user.email },
      at: this.now(),
      changes: Object.entries(files).map(([path, content]) => [
        path,
        typeof content === "string" ? Buffer.from(content) : content,
        options.executable,
      ]),
    });
    this.refresh(project, branch);
    return commit.sha;
  }

  /** Removes a branch; GitLab closes its open merge requests (MergeRequests::RefreshService). */
  deleteBranch(project: Project, branch: string): void {
    project.repository.branches.delete(branch);
    for (const merge of project.mergeRequests) {
      if (merge.sourceBranch === branch && merge.state === "opened") this.close(merge);
    }
  }

  /** After a push: open merge requests follow their branch, and those whose head has arrived are merged. */
  refresh(project: Project, branch: string): void {
    const head = project.repository.branches.get(branch);
    if (head === undefined) return;
    for (const merge of project.mergeRequests) {
      if (merge.state !== "opened" || merge.sourceProjectId !== project.id) continue;
      if (merge.sourceBranch === branch) merge.sha = head;
      if (merge.targetBranch !== branch) continue;
      const arrived = [...project.repository.log(head)].some((commit) => commit.sha === merge.sha);
      if (arrived) this.setMerged(merge, head);
    }
  }

  /** Merges as a maintainer who presses the button. */
  merge(project: Project, merge: MergeRequest): void {
    const target = project.repository.branches.get(merge.targetBranch) ?? "";
    const commit = project.repository.merge(merge.sha, target, {
      branch: merge.targetBranch,
      message: `Merge branch '${merge.sourceBranch}'`,
      author: { name: "A Human", email: "human@example.com" },
      at: this.now(),
    });
    this.setMerged(merge, commit.sha);
    if (merge.removeSourceBranch) project.repository.branches.delete(merge.sourceBranch);
    this.refresh(project, merge.targetBranch);
  }

  /** Closes without merging. */
  close(merge: MergeRequest): void {
    merge.state = "closed";
    merge.closedAt = this.now();
  }

  /** Adds a comment, with whatever quick actions and mentions its text sets off. */
  addNote(parent: MergeRequest | Issue, author: User, body: string): Note {
    const at = this.now();
    this.readText(`note on ${parent.iid}`, body);
    const note = { id: this.nextId(), body, author, createdAt: at, updatedAt: at, system: false };
    parent.notes.push(note);
    return note;
  }

  /** Notes what GitLab would do because of a text. */
  readText(where: string, text: string): void {
    const { commands, mentions, html } = scanText(text);
    if (commands.length + mentions.length + html.length === 0) return;
    this.textEvents.push({ where, commands, mentions, html });
  }

  /** A finished pipeline with its jobs and their logs. */
  addPipeline(
    project: Project,
    seed: Partial<Omit<Pipeline, "id" | "jobs">> & { jobs?: readonly JobSeed[] } = {},
  ): Pipeline {
    const ref = seed.ref ?? project.defaultBranch;
    const pipeline: Pipeline = {
      id: this.nextId(),
      iid: project.pipelines.length + 1,
      ref,
      sha: seed.sha ?? project.repository.branches.get(ref) ?? "",
      source: seed.source ?? "push",
      status: seed.status ?? "success",
      createdAt: seed.createdAt ?? this.now(),
      jobs: [],
    };
    for (const job of seed.jobs ?? []) pipeline.jobs.push(this.makeJob(job));
    project.pipelines.push(pipeline);
    return pipeline;
  }

  private makeJob(seed: JobSeed): Job {
    const startedAt = seed.startedAt === undefined ? this.now() : seed.startedAt;
    return {
      stage: "test",
      status: "success",
      retried: false,
      allowFailure: false,
      trace: "",
      bridge: false,
      downstream: null,
      finishedAt: this.now(),
      ...seed,
      startedAt,
      id: this.nextId(),
    };
  }

  private setMerged(merge: MergeRequest, sha: string): void {
    merge.state = "merged";
    merge.mergedAt = this.now();
    merge.mergeCommitSha = sha;
  }
}
