/** Plain data, as YAML without tags has it. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * What a right edit does to the data of a CI file, in a few lines that share nothing with the editor: every dind
 * service gets the flag as its last argument.
 */
export function mirrored(data: Json, flag: string, isServices = false): Json {
  if (Array.isArray(data)) {
    return data.map((item) => (isServices ? mirroredService(item, flag) : mirrored(item, flag)));
  }
  if (typeof data !== "object" || data === null) return data;
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, mirrored(value, flag, key === "services")]),
  );
}

function mirroredService(service: Json, flag: string): Json {
  const map =
    typeof service === "object" && service !== null && !Array.isArray(service) ? service : {};
  const name = typeof service === "string" ? service : map["name"];
  if (typeof name !== "string" || !/(?:^|\/)docker:[^/]*dind|\/dind:|^\$\{.*-dind$/.test(name))
    return service;
  const command = Array.isArray(map["command"]) ? map["command"] : [];
  return { ...map, name, command: [...command, flag] };
}
