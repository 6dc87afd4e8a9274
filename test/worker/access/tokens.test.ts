import { expect, test } from "vitest";
import { parseTokens } from "../../../worker/access/tokens.ts";

const ONE = "k3ys3cr3tk3ys3cr3tk3y1";
const TWO = "k3ys3cr3tk3ys3cr3tk3y2";
const THREE = "k3ys3cr3tk3ys3cr3tk3y3";

function refuse(problem: string): never {
  throw new Error(problem);
}

test("a name has one secret or two, each perhaps with an end", () => {
  expect(
    parseTokens(`shop:${ONE}:2027-01-31, shop:${TWO}\nacme/ci:${THREE}:2027-01-31T18:00Z`, refuse),
  ).toEqual([
    { name: "shop", secret: ONE, untilMs: Date.UTC(2027, 0, 31) },
    { name: "shop", secret: TWO, untilMs: null },
    { name: "acme/ci", secret: THREE, untilMs: Date.UTC(2027, 0, 31, 18) },
  ]);
});

test.each([
  ["a secret alone", ONE, "entry 1"],
  ["no secret", "shop:", "shop"],
  ["a short secret", "shop:k3ys3cr3tk3ys3cr3tk", "shop"],
  ["a long secret", `shop:${"a".repeat(64)}`, "shop"],
  ["upper case, which no repository's name has", `shop:${ONE.toUpperCase()}`, "shop"],
  ["a dash, which splits no label but a name", `shop:k3ys3cr3t-k3ys3cr3t-k3y1`, "shop"],
  ["an end that is none", `shop:${ONE}:tomorrow`, "shop"],
  ["an end that is no day", `shop:${ONE}:2027-02-30T25:00Z`, "shop"],
  ["an end without a zone", `shop:${ONE}:2027-01-31T18:00`, "shop"],
  ["three secrets of one name", `shop:${ONE} shop:${TWO} shop:${THREE}`, "shop"],
  ["one secret of two names", `shop:${ONE} ops:${ONE}`, "ops"],
  ["one secret twice", `shop:${ONE} shop:${ONE}`, "shop"],
])("%s is refused, by name and without the secret", (_what, text, named) => {
  const read = (): unknown => parseTokens(text, refuse);
  expect(read).toThrow(named);
  expect(read).not.toThrow(/k3y/i);
});
