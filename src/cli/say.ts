import type { Logger } from '../std/log.ts'

/** Tell whoever sits at the terminal, whatever the log level is; elsewhere it is a log line. */
export function say(logger: Logger, text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\n${text}\n`)
  else logger.info({}, text)
}
