import { requireRole, visibleProject } from "../access.ts";
import { created, flag, notFound, ok, optionalText, paginate, requireText } from "../http.ts";
import type { Context, Reply, Route } from "../http.ts";
import { ROLE, type Job, type Pipeline, type Project, type Schedule } from "../model.ts";
import { presentJob, presentPipeline, presentUser } from "../present.ts";
import { actingUser } from "./issuables.ts";

/** Pipelines, jobs, bridges, traces, schedules. */
export const PIPELINE_ROUTES: readonly Route[] = [
  { method: "GET", path: "/projects/:id/pipelines", handle: listPipelines },
  {
    method: "GET",
    path: "/projects/:id/pipelines/:pipeline",
    handle: (context) => {
      const project = buildProject(context);
      return ok(presentPipeline(find(context, project), project, context.externalUrl));
    },
  },
  { method: "GET", path: "/projects/:id/pipelines/:pipeline/jobs", handle: jobs(false) },
  { method: "GET", path: "/projects/:id/pipelines/:pipeline/bridges", handle: jobs(true) },
  {
    method: "GET",
    path: "/projects/:id/jobs/:job",
    handle: (context) => {
      const project = buildProject(context);
      const { job, pipeline } = findJob(context, project);
      return ok(presentJob(job, { project, pipeline, url: context.externalUrl }));
    },
  },
  { method: "GET", path: "/projects/:id/jobs/:job/trace", handle: trace },
  {
    method: "GET",
    path: "/projects/:id/pipeline_schedules",
    handle: (context) => {
      const project = buildProject(context);
      return paginate(context, project.schedules, presentSchedule);
    },
  },
  { method: "POST", path: "/projects/:id/pipeline_schedules", handle: createSchedule },
  { method: "PUT", path: "/projects/:id/pipeline_schedules/:schedule", handle: updateSchedule },
];

/** The project of the request, for one who may see its builds. */
function buildProject(context: Context): Project {
  const project = visibleProject(context.world, context.actor, context.params["id"] ?? "");
  if (project.visibility === "private") {
    requireRole(context.world, context.actor, [project, ROLE.reporter]);
  }
  return project;
}

function find(context: Context, project: Project): Pipeline {
  const pipeline = project.pipelines.find((one) => String(one.id) === context.params["pipeline"]);
  if (!pipeline) throw notFound();
  return pipeline;
}

function findJob(context: Context, project: Project): { job: Job; pipeline: Pipeline } {
  for (const pipeline of project.pipelines) {
    const job = pipeline.jobs.find((one) => String(one.id) === context.params["job"]);
    if (job && !job.bridge) return { job, pipeline };
  }
  throw notFound();
}

function listPipelines(context: Context): Reply {
  const project = buildProject(context);
  const [sha, ref, status] = ["sha", "ref", "status"].map((name) => context.query.get(name));
  const chosen = project.pipelines
    .filter(
      (one) =>
        (sha === null || one.sha === sha) &&
        (ref === null || one.ref === ref) &&
        (status === null || one.status === status),
    )
    .toReversed();
  return paginate(context, chosen, (one) => presentPipeline(one, project, context.externalUrl));
}

function jobs(bridges: boolean): Route["handle"] {
  return (context) => {
    const project = buildProject(context);
    const pipeline = find(context, project);
    const retried = flag(context, "include_retried") ?? false;
    const chosen = pipeline.jobs.filter(
      (job) => job.bridge === bridges && (retried || !job.retried),
    );
    // Newest first (lib/api/ci/jobs.rb).
    return paginate(context, chosen.toReversed(), (job) =>
      presentJob(job, { project, pipeline, url: context.externalUrl }),
    );
  };
}

/** `text/plain`, empty for a job without a log (lib/api/ci/jobs.rb). */
function trace(context: Context): Reply {
  const { job } = findJob(context, buildProject(context));
  return typeof job.trace === "string"
    ? { status: 200, text: job.trace }
    : { status: 200, stream: job.trace() };
}

function presentSchedule(schedule: Schedule) {
  const { id, description, ref, cron, cronTimezone, active, owner } = schedule;
  return {
    id,
    description,
    ref,
    cron,
    cron_timezone: cronTimezone,
    active,
    owner: presentUser(owner),
  };
}

function createSchedule(context: Context): Reply {
  const project = buildProject(context);
  requireRole(context.world, context.actor, [project, ROLE.developer]);
  const schedule: Schedule = {
    id: context.world.nextId(),
    description: requireText(context, "description"),
    ref: requireText(context, "ref"),
    cron: requireText(context, "cron"),
    cronTimezone: optionalText(context, "cron_timezone") ?? "UTC",
    active: context.body["active"] !== false,
    owner: actingUser(context),
  };
  project.schedules.push(schedule);
  return created(presentSchedule(schedule));
}

function updateSchedule(context: Context): Reply {
  const project = buildProject(context);
  const schedule = project.schedules.find((one) => String(one.id) === context.params["schedule"]);
  if (!schedule) throw notFound("Pipeline Schedule");
  if (schedule.owner.id !== actingUser(context).id) {
    requireRole(context.world, context.actor, [project, ROLE.maintainer]);
  }
  schedule.description = optionalText(context, "description") ?? schedule.description;
  schedule.ref = optionalText(context, "ref") ?? schedule.ref;
  schedule.cron = optionalText(context, "cron") ?? schedule.cron;
  schedule.cronTimezone = optionalText(context, "cron_timezone") ?? schedule.cronTimezone;
  if (typeof context.body["active"] === "boolean") schedule.active = context.body["active"];
  return ok(presentSchedule(schedule));
}
