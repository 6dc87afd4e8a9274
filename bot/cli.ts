#!/usr/bin/env node
/**
 * The bot's command line. Commands come with their own issues; this entry only says so.
 *
 * @module
 */
process.stderr.write("tidepool: no command yet\n");
process.exitCode = 2;
