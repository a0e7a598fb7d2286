import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** What is asked for: the paths in turn. */
export interface Asked {
  readonly method: 'GET' | 'POST'
  readonly paths: readonly string[]
  /** JSON; '' for none. */
  readonly body: string
}

/** What came of it. */
export interface Answered {
  /** How often wrk ran: more than once where the first time was too short for one answer. */
  readonly runs: number
  readonly requests: number
  readonly seconds: number
  /** ms. */
  readonly p50: number
  readonly p99: number
}

/** After that an answer counts as broken. */
const TIMEOUT = '60s'
/** Longest time that is doubled for want of an answer, s. */
const LONGEST = 60
const SCRIPT = fileURLToPath(new URL('./load.lua', import.meta.url))
const run = promisify(execFile)

/**
 * As many requests as there can be for so many seconds, by wrk on as many connections. A machine that is too busy for one answer is
 * given twice the time. Throws unless all of them succeed.
 */
export async function load(url: string, seconds: number, connections: number, asked: Asked): Promise<Answered> {
  const { method, paths, body } = asked
  const settings = [
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    '--timeout',
    TIMEOUT,
    '-s',
    SCRIPT,
    url,
    '--',
    method,
    body,
  ]
  const { stdout } = await run('wrk', [...settings, ...paths])
  const line = /^bench: (.*)$/m.exec(stdout)?.[1]
  if (line === undefined) throw new Error(`wrk: expected a line of figures, got ${stdout}`)
  const { refused, broken, ...answered } = JSON.parse(line) as Omit<Answered, 'runs'> & {
    refused: number
    broken: number
  }
  if (refused > 0 || broken > 0)
    throw new Error(`${method} ${url}: ${answered.requests} answers, ${refused} refused, ${broken} connections broken`)
  if (answered.requests > 0) return { ...answered, runs: 1 }
  if (seconds > LONGEST) throw new Error(`${method} ${url}: no answer in ${seconds} s`)
  const later = await load(url, 2 * seconds, connections, asked)
  return { ...later, runs: later.runs + 1 }
}

/** Throws where wrk is not there. */
export async function wrkVersion(): Promise<string> {
  // It ends with 1 for its own help.
  const { stdout } = await run('wrk', ['-v']).catch((error: { stdout?: string }) => ({ stdout: error.stdout ?? '' }))
  const version = /^wrk (\S+)/m.exec(stdout)?.[1]
  if (version === undefined) throw new Error('wrk is missing: apt-get install wrk')
  return version
}
