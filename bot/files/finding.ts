/** How bad a finding is: it stops something, it does nothing that it seems to do, or it is worth knowing. */
export type Severity = "error" | "warning" | "info";

/** A mistake that `tidepool lint` names. */
export interface Finding {
  /** Stable id of the rule, such as `service-command-variable`. */
  readonly rule: string;
  readonly severity: Severity;
  /** Line of the source, from 1. */
  readonly line: number;
  /** What happens because of it, as a sentence. */
  readonly message: string;
  /** How to mend it, as a sentence. */
  readonly mend: string;
}
