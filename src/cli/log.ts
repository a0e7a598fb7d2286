import pretty from 'pino-pretty'
import { createLogger, type Logger, type LogLevel } from '../std/log.ts'

/** Fields that the words of a line say already. */
const SAID =
  'id,task,queue,runtime,error,traceback,method,path,status,ms,client,agent,aborted,entry,fire,late,reason,store'

/**
 * The program's log on standard error: lines for people at a terminal, else JSON lines. Written at once: nothing is
 * lost at exit.
 */
export function commandLogger(level: LogLevel): Logger {
  if (process.stderr.isTTY !== true) return createLogger(level)
  const format = pretty.prettyFactory({
    colorize: process.stderr.hasColors(),
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: SAID,
    messageFormat: lineText,
  })
  return createLogger(level, { write: (line: string) => void process.stderr.write(format(line)) })
}

/** The words of a line; of a task's own line, which task; of a failure, where. */
export function lineText(line: Record<string, unknown>): string {
  const { msg, id, task, traceback } = line
  const text = typeof msg === 'string' ? msg : ''
  const owned = typeof id === 'string' && !text.includes(id) ? `${String(task)}[${id}]: ${text}` : text
  return typeof traceback === 'string' ? `${owned}\n${withoutHead(traceback, text)}` : owned
}

/** A stack starts with the error's type and message, which the line has said. */
function withoutHead(traceback: string, text: string): string {
  const [head = '', ...rest] = traceback.split('\n')
  return rest.length > 0 && text.includes(head) ? rest.join('\n') : traceback
}
