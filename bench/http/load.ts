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
  readonly requests: number
  readonly seconds: number
  /** ms. */
  readonly p50: number
  readonly p99: number
}

const SCRIPT = fileURLToPath(new URL('./load.lua', import.meta.url))
const run = promisify(execFile)

/** As many requests as there can be for so many seconds, by wrk on as many connections. Throws unless all of them succeed. */
export async function load(
  url: string,
  seconds: number,
  connections: number,
  { method, paths, body }: Asked,
): Promise<Answered> {
  const settings = ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', SCRIPT, url, '--', method, body, ...paths]
  const { stdout } = await run('wrk', settings)
  const line = /^bench: (.*)$/m.exec(stdout)?.[1]
  if (line === undefined) throw new Error(`wrk: expected a line of figures, got ${stdout}`)
  const { refused, broken, ...answered } = JSON.parse(line) as Answered & { refused: number; broken: number }
  if (refused > 0 || broken > 0 || answered.requests === 0)
    throw new Error(`${method} ${url}: ${answered.requests} answers, ${refused} refused, ${broken} connections broken`)
  return answered
}

/** Throws where wrk is not there. */
export async function wrkVersion(): Promise<string> {
  // It ends with 1 for its own help.
  const { stdout } = await run('wrk', ['-v']).catch((error: { stdout?: string }) => ({ stdout: error.stdout ?? '' }))
  const version = /^wrk (\S+)/m.exec(stdout)?.[1]
  if (version === undefined) throw new Error('wrk is missing: apt-get install wrk')
  return version
}
