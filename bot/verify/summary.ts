import type { JudgedImage, Verdict } from "./verdict.ts";

/**
 * What a pipeline comes to.
 *
 * `proven`: at least one image came through the mirror, and none bypassed it. `held`: the mirror has at least one,
 * and cannot say more. `bypassed`: at least one bypassed it. `unclear`: images were pulled, and nothing is proven.
 * `nothing`: no image of Docker Hub's was pulled where this repository has power.
 */
export type State = "proven" | "held" | "bypassed" | "unclear" | "nothing";

/** The counts of a pipeline's verdicts, and what they come to. */
export interface Summary {
  readonly state: State;
  readonly counts: Readonly<Record<Verdict, number>>;
  /** Images that came through the mirror, in whatever way. */
  readonly through: number;
  /** Images of Docker Hub's that were pulled where the mirror could have been used, and somebody can do something. */
  readonly judged: number;
}

/** Sums verdicts up. */
export function summarise(images: readonly JudgedImage[]): Summary {
  const counts: Record<Verdict, number> = {
    cached: 0,
    first: 0,
    stale: 0,
    held: 0,
    bypassed: 0,
    local: 0,
    runner: 0,
    failed: 0,
    unknown: 0,
    "out-of-scope": 0,
  };
  for (const { verdict } of images) counts[verdict] += 1;
  const through = counts.cached + counts.first + counts.stale;
  const judged = through + counts.held + counts.bypassed + counts.unknown + counts.failed;
  return { state: stateOf(counts, through), counts, through, judged };
}

function stateOf(counts: Readonly<Record<Verdict, number>>, through: number): State {
  if (counts.bypassed > 0) return "bypassed";
  if (through > 0) return "proven";
  if (counts.held > 0) return "held";
  return counts.unknown + counts.failed > 0 ? "unclear" : "nothing";
}
