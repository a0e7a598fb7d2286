import { createRequire } from 'node:module'
import { createLogger, type Logger, type LogLevel } from '../std/log.ts'

/** Fields that the text of a line contains already. */
const FIELDS_IN_MESSAGE =
  'id,task,queue,runtime,error,traceback,method,path,status,ms,client,agent,aborted,entry,fire,late,reason,store'

/** Who reads a command's log: people always, or people at a terminal and programs elsewhere. */
export type Readers = 'people' | 'people at a terminal'

/**
 * The program's log on standard error: lines for people, or JSON lines for programs. Written at once: nothing is lost
 * at exit.
 */
export function commandLogger(level: LogLevel, readers: Readers): Logger {
  if (readers !== 'people' && process.stderr.isTTY !== true) return createLogger(level)
  let format: Format | undefined
  const write = (line: string): void => {
    format ??= formatForPeople()
    process.stderr.write(format(line))
  }
  return createLogger(level, { write })
}

type Format = (line: string) => string

/** Loaded for the first line, at once: most commands write none. */
function formatForPeople(): Format {
  const pretty: typeof import('pino-pretty') = createRequire(import.meta.url)('pino-pretty')
  return pretty.prettyFactory({
    colorize: process.stderr.isTTY === true && process.stderr.hasColors(),
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: FIELDS_IN_MESSAGE,
    messageFormat: lineText,
  })
}

/** The words of a line; of a task's own line, which task; of a failure, where. */
export function lineText(line: Record<string, unknown>): string {
  const { msg, id, task, traceback } = line
  const text = typeof msg === 'string' ? msg : ''
  const owned = typeof id === 'string' && !text.includes(id) ? `${String(task)}[${id}]: ${text}` : text
  const rest = typeof traceback === 'string' ? withoutHead(traceback, text) : ''
  return rest === '' ? owned : `${owned}\n${rest}`
}

/** A stack starts with the error's type and message, of one line or several, which the text contains already. */
export function withoutHead(traceback: string, text: string): string {
  const lines = traceback.split('\n')
  let said = 0
  while (said < lines.length && text.includes(lines.slice(0, said + 1).join('\n'))) said++
  return lines.slice(said).join('\n')
}
