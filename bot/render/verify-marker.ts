import * as z from "zod";

/** What the comment of `verify` remembers: enough to tell whether the verdict has flipped. */
export const VerifyMarker = z.object({
  v: z.literal(1),
  state: z.enum(["proven", "held", "bypassed", "unclear", "nothing"]),
  pipeline: z.int().positive(),
});

/** @see {@link VerifyMarker} */
export type VerifyMarker = z.infer<typeof VerifyMarker>;

const LINE = /^<!-- tidepool verify (\{[^\r\n]*\}) -->\r?$/gm;

/** Writes the marker as the comment's last line, where GitLab shows nothing of it. */
export function formatVerifyMarker(marker: VerifyMarker): string {
  return `<!-- tidepool verify ${JSON.stringify(VerifyMarker.parse(marker))} -->`;
}

/** Finds the marker in a comment; `null` where it is no comment of `verify`. */
export function parseVerifyMarker(body: string): VerifyMarker | null {
  const json = [...body.matchAll(LINE)].at(-1)?.[1];
  if (json === undefined) return null;
  try {
    return VerifyMarker.parse(JSON.parse(json));
  } catch {
    return null;
  }
}
