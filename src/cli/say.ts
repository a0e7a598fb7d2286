import type { Logger } from '../std/log.ts'

/** Print a text on the terminal, at any log level; without a terminal it is a log line. */
export function say(logger: Logger, text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\n${text}\n`)
  else logger.info({}, text)
}
