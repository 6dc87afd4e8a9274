/** The bot's one branch in a project. Fixed: it is how a rerun finds its own merge request. */
export const BRANCH_NAME = "tidepool/registry-mirror";
