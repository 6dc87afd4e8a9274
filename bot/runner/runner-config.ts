import { getStaticTOMLValue, parseTOML } from "toml-eslint-parser";

/** What is wrong with the value of a key; `null` where nothing is. */
type Rule = (value: unknown) => string | null;

type Table = Readonly<Record<string, unknown>>;

const text: Rule = (value) => (typeof value === "string" ? null : "must be a text");
const filled: Rule = (value) =>
  typeof value === "string" && value !== "" ? null : "must be a text that is not empty";
const flag: Rule = (value) => (typeof value === "boolean" ? null : "must be true or false");
const whole: Rule = (value) =>
  Number.isSafeInteger(value) && Number(value) >= 0 ? null : "must be a whole number";
const positive: Rule = (value) =>
  Number.isSafeInteger(value) && Number(value) > 0 ? null : "must be a whole number, 1 or more";
const texts: Rule = (value) =>
  Array.isArray(value) && value.every((item) => typeof item === "string")
    ? null
    : "must be a list of texts";
const textOrTexts: Rule = (value) => (text(value) === null ? null : texts(value));

/*
 * The keys that GitLab Runner reads into a type of its own, so that with another it loads nothing of the file. Others are
 * let pass: there are many, and each version has more. @see GitLab Runner, "Advanced configuration", and common/config.go
 */

const GLOBAL: Readonly<Record<string, Rule>> = {
  concurrent: positive,
  check_interval: whole,
  shutdown_timeout: whole,
  connection_max_age: text,
  listen_address: text,
  log_format: text,
  log_level: text,
  sentry_dsn: text,
};

const RUNNER: Readonly<Record<string, Rule>> = {
  name: text,
  url: filled,
  token: filled,
  executor: filled,
  shell: text,
  clone_url: text,
  builds_dir: text,
  cache_dir: text,
  pre_build_script: text,
  post_build_script: text,
  "tls-ca-file": text,
  limit: whole,
  output_limit: whole,
  request_concurrency: whole,
  environment: texts,
};

const DOCKER: Readonly<Record<string, Rule>> = {
  image: text,
  host: text,
  memory: text,
  network_mode: text,
  runtime: text,
  helper_image: text,
  privileged: flag,
  disable_cache: flag,
  tls_verify: flag,
  shm_size: whole,
  wait_for_services_timeout: (value) =>
    Number.isSafeInteger(value) ? null : "must be a whole number",
  volumes: texts,
  extra_hosts: texts,
  dns: texts,
  allowed_images: texts,
  allowed_services: texts,
  pull_policy: textOrTexts,
};

/** Without these GitLab Runner takes no job for the section. */
const REQUIRED = ["url", "token", "executor"] as const;

/**
 * Looks at a config.toml as GitLab Runner will: a key of another type than it should be loses every runner of the host.
 *
 * @returns what is wrong, without any value of the file's; `null` where nothing was found
 */
export function findRunnerProblem(config: string): string | null {
  let value: Table;
  try {
    value = getStaticTOMLValue(parseTOML(config));
  } catch (error) {
    const { lineNumber } = error as { lineNumber?: number };
    return `config.toml is no TOML${lineNumber === undefined ? "" : `, line ${lineNumber}`}`;
  }
  const { runners } = value;
  if (!Array.isArray(runners) || runners.length === 0)
    return "config.toml has no [[runners]]: every runner of the host would be gone";
  const problems = [
    ...check(value, GLOBAL, ""),
    ...runners.flatMap((runner: unknown, position) =>
      checkSection(runner, `[[runners]] ${position + 1}: `),
    ),
  ];
  return problems.length === 0 ? null : `config.toml: ${problems.join("; ")}`;
}

function checkSection(runner: unknown, where: string): readonly string[] {
  if (!isTable(runner)) return [`${where}must be a table`];
  const missing = REQUIRED.filter((key) => runner[key] === undefined);
  const { docker } = runner;
  return [
    ...missing.map((key) => `${where}${key} is missing`),
    ...check(runner, RUNNER, where),
    ...(docker === undefined ? [] : checkDocker(docker, where)),
  ];
}

function checkDocker(docker: unknown, where: string): readonly string[] {
  if (!isTable(docker)) return [`${where}docker must be a table`];
  return check(docker, DOCKER, `${where}docker.`);
}

function check(
  table: Table,
  rules: Readonly<Record<string, Rule>>,
  where: string,
): readonly string[] {
  return Object.entries(rules).flatMap(([key, rule]) => {
    const problem = table[key] === undefined ? null : rule(table[key]);
    return problem === null ? [] : [`${where}${key} ${problem}`];
  });
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
