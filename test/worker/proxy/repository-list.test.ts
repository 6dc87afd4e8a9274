import { expect, test } from "vitest";
import { parseRepository } from "../../../worker/oci/repository.ts";
import { parseRepositoryList } from "../../../worker/proxy/repository-list.ts";

test.each([
  ["acme/app", ["docker.io", "acme/app"], true],
  ["acme/app", ["docker.io", "acme/app2"], false],
  ["acme/app", ["docker.io", "acme/app/sub"], false],
  ["acme/app", ["ghcr.io", "acme/app"], false],
  ["docker.io/acme/app", ["docker.io", "acme/app"], true],
  ["app", ["docker.io", "library/app"], true],
  ["acme/*", ["docker.io", "acme/app"], true],
  ["acme/*", ["docker.io", "acme/app/sub"], true],
  ["acme/*", ["docker.io", "acme2/app"], false],
  ["docker.io/acme/*", ["docker.io", "acme/app"], true],
  ["docker.io/*", ["docker.io", "acme/app"], true],
  ["acme/*", ["docker.io", "library/acme"], false],
  ["ghcr.io/acme/*", ["ghcr.io", "acme/app"], true],
  ["ghcr.io/acme/*", ["docker.io", "acme/app"], false],
  ["ghcr.io/*", ["ghcr.io", "any/thing"], true],
  ["ghcr.io/*", ["docker.io", "any/thing"], false],
  ["a/b, c/d\n e/f", ["docker.io", "e/f"], true],
  ["", ["docker.io", "acme/app"], false],
])("%j has %j: %s", (text, [upstream, name], has) => {
  const listed = parseRepositoryList(text, (problem) => expect.fail(problem));
  expect(listed.has({ upstream: upstream!, repository: parseRepository(name!)! })).toBe(has);
});
