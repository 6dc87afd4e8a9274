import { planTemplate } from "./template.ts";
import type { FileKind } from "./types.ts";

/** Terraform that sets up runners: shown what to add, never edited, since HCL may build any value from any other. */
export const terraform: FileKind = {
  id: "terraform",
  layer: "runner",
  matches: (path) => /\.(?:tf|hcl|tfvars)$/i.test(path),
  plan: planTemplate,
  lint: () => [],
  data: (source) => source,
};
