import type { JudgedImage } from "../verify/verdict.ts";
import type { Verification } from "../verify/verification.ts";
import { code } from "./markdown.ts";
import { atMost, folded, table } from "./table.ts";
import {
  REASON_WORDS,
  VERDICT_ORDER,
  VERDICT_WORDS,
  familiarName,
  formatBytes,
  jobCell,
  plural,
  shortDigest,
  spoken,
} from "./verdict-words.ts";

/** GitLab takes a million characters; people take fewer. */
const MAX_ROWS = 150;

/** Renders every image with its verdict and what that rests on, folded: inside jobs, by the runner, and of others. */
export function renderEvidence({ images }: Verification): string[] {
  const sorted = images.toSorted(
    (a, b) => VERDICT_ORDER.indexOf(a.verdict) - VERDICT_ORDER.indexOf(b.verdict),
  );
  const hub = sorted.filter(({ verdict }) => verdict !== "out-of-scope");
  const inJobs = hub.filter(({ image }) => image.layer === "job");
  const byRunner = hub.filter(({ image }) => image.layer === "runner");
  return [
    ...folded(`${plural(inJobs.length, "image")} pulled inside jobs`, rows(inJobs)),
    ...folded(`${plural(byRunner.length, "image")} pulled by the runner, not by this repository`, [
      ...rows(byRunner),
      ...(byRunner.length === 0
        ? []
        : [
            "The runner pulls `image:` and services with its own host's daemon: `registry-mirrors` in that host's `/etc/docker/daemon.json` would send them through the mirror. Nothing in this repository can.",
            "",
          ]),
    ]),
    ...otherRegistries(sorted.filter(({ verdict }) => verdict === "out-of-scope")),
  ];
}

function rows(images: readonly JudgedImage[]): string[] {
  // The same image in many jobs, had without a pull of its own, is worth one line.
  const groups = Map.groupBy(images, (one) =>
    one.image.layer === "job" ? one : `${familiarName(one)} ${one.reason} ${one.image.digest}`,
  );
  const { rows: shown, more } = atMost([...groups.values()], MAX_ROWS);
  const cells = shown.flatMap((group) => {
    const [one] = group;
    return one === undefined ? [] : [rowOf(one, group.length - 1)];
  });
  if (more > 0) cells.push([`and ${more} more`, "", "", "", ""]);
  return table(["image", "job", "verdict", "digest", "what it rests on"], cells);
}

function rowOf(one: JudgedImage, others: number): string[] {
  const { image, job, verdict } = one;
  const also = others === 0 ? "" : ` and ${plural(others, "other job")}`;
  return [
    code(familiarName(one)),
    `${jobCell(job, image.evidence.at(-1))}${also}`,
    VERDICT_WORDS[verdict].cell,
    image.digest === null ? "" : code(shortDigest(image.digest)),
    ground(one),
  ];
}

function ground({ record, reason }: JudgedImage): string {
  if (record === null) return REASON_WORDS[reason];
  const time = new Date(record.timeMs).toISOString().slice(0, 19).replace("T", " ");
  const { hits, misses, bytes } = record.blobs;
  const blobs =
    hits + misses === 0 ? "" : `, ${hits} of ${plural(hits + misses, "blob")} from cache`;
  const size = bytes === 0 ? "" : `, ${formatBytes(bytes)}`;
  return `${record.outcome} at ${time} UTC${blobs}${size}, for ${code(product(record.client.userAgent))}`;
}

/** `docker/28.1.0`, without the rest of what daemons say of themselves. */
function product(userAgent: string): string {
  const first = userAgent.split(" ", 1)[0] ?? "";
  return first === "" ? "a client without a name" : first;
}

function otherRegistries(images: readonly JudgedImage[]): string[] {
  const names = [...new Set(images.map((one) => spoken(familiarName(one))))];
  const { rows: shown, more } = atMost(names, 30);
  const rest = more === 0 ? "" : ` and ${more} more`;
  const text = `${shown.join(", ")}${rest}. A mirror of Docker Hub has no part in these.`;
  return folded(
    `${plural(names.length, "image")} of other registries`,
    names.length === 0 ? [] : [text, ""],
  );
}
