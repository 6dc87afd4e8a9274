/** The bot's one branch in a project. Fixed: it is how a rerun finds its own merge request. */
export const BRANCH_NAME = "tidepool/registry-mirror";

/** Whether a branch is the bot's by its name. Says nothing about who pushed to it. */
export function isBranchName(name: string): boolean {
  return name === BRANCH_NAME;
}
