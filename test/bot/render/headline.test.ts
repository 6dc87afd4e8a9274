import { expect, it } from "vitest";

import { headline } from "../../../bot/render/verify-comment.ts";
import { summarise } from "../../../bot/verify/summary.ts";

it.each([
  [1, "1 Docker Hub image could not be verified"],
  [2, "2 Docker Hub images could not be verified"],
])("says in plain words that nothing is known of %i", (judged, words) => {
  const summary = { ...summarise([]), state: "unclear", judged } as const;
  expect(headline({ summary })).toBe(words);
});
