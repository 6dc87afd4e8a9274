import type { Mirror } from "../files/mirror.ts";
import type { Summary } from "./summary.ts";
import type { JobLog, JudgedImage, Witness } from "./verdict.ts";

/** A pipeline, judged: what every rendering starts from. */
export interface Verification {
  readonly mirror: Mirror;
  readonly witness: Witness["kind"];
  readonly pipeline: { readonly id: number; readonly url: string; readonly sha: string };
  readonly images: readonly JudgedImage[];
  readonly summary: Summary;
  readonly jobs: readonly JobLog[];
  /** Jobs whose logs could not be read, and why, in our words. */
  readonly unread: readonly { readonly name: string; readonly why: string }[];
}
