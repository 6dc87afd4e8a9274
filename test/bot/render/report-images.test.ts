import { expect, test } from "vitest";
import { renderHeld } from "../../../bot/render/report-images.ts";
import { entry } from "./views.ts";

const period = { to: "2026-11-02" };

test("tags that the mirror left out are counted with those that the report does", () => {
  const tags = ["1", "2", "3", "4", "5", "6", "7"];
  const rowOf = (tagsOmitted?: number): string | undefined => {
    const told = tagsOmitted === undefined ? {} : { tagsOmitted };
    const catalog = [{ ...entry("team/app", tags), ...told }];
    return renderHeld({ catalog, repositories: [], period }).find((line) => line.includes("app"));
  };
  expect(rowOf(40)).toContain("and 42 more");
  expect(rowOf(0)).toContain("and 2 more");
  // A mirror from before it told.
  expect(rowOf()).toContain("and 2 more");
});
