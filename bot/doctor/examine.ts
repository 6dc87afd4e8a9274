import { MirrorClient } from "../mirror/client.ts";
import { checkAccess } from "./access.ts";
import { type Check, type CheckId, type Finding, notTried } from "./check.ts";
import { checkQuota, checkVersion, judgeClock } from "./insight.ts";
import { Prober } from "./probe.ts";
import { checkPull } from "./pull.ts";
import { checkApi, checkReach, judgePlainHttp } from "./reach.ts";
import type { Target } from "./target.ts";
import { checkTls } from "./tls.ts";

/** What an examination needs beside the mirror. */
export interface ExamineOptions {
  /** For one answer. */
  readonly timeoutMs: number;
  /** The mirror's `ADMIN_TOKEN`; goes to its own origin alone. */
  readonly token: string | null;
}

/**
 * Examines a mirror from outside, one check after another; a check that makes no sense after an earlier failure is
 * named and not tried. Secrets go over no connection whose certificate is not trusted.
 */
export async function* examine(target: Target, options: ExamineOptions): AsyncGenerator<Check> {
  const { timeoutMs, token } = options;
  const prober = new Prober(timeoutMs);
  const client = new MirrorClient(target.mirror, token);
  const isTls = target.mirror.url.startsWith("https:");
  const tls = () => checkTls(new URL(target.mirror.url), timeoutMs);
  const steps: readonly (readonly [CheckId, () => Promise<Finding> | Finding])[] = [
    ["reach", () => checkReach(target, timeoutMs)],
    ["tls", isTls ? tls : () => judgePlainHttp(target)],
    ["api", () => checkApi(prober, target)],
    ["access", () => checkAccess(prober, target)],
    ["pull", () => checkPull(prober, target)],
    ["quota", () => checkQuota(client, token !== null)],
    ["clock", () => judgeClock(prober)],
    ["version", () => checkVersion(prober, target, token)],
  ];
  let failed: CheckId | null = null;
  for (const [id, check] of steps) {
    const isAside = failed === "pull" || (id === "clock" && prober.isAnswered);
    const isLeftOut = failed !== null && !isAside;
    const finding: Finding = isLeftOut && failed !== null ? notTried(failed) : await check();
    yield { id, ...finding };
    if (finding.status === "failed") failed ??= id;
  }
}
