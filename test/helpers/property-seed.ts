import * as fc from "fast-check";

/** Property tests run the same everywhere; `TIDEPOOL_SEED=random` or a number tries others. */
const seed = process.env["TIDEPOOL_SEED"] ?? "20261123";
if (seed !== "random") fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) });
