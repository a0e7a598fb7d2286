import { CeleriacError, ConfigError } from '../../std/errors.ts'
import { type JobFilterOptions, jobLine } from '../jobFilter.ts'
import { jsonText } from '../json.ts'
import { withApp } from '../loadApp.ts'

export interface ListCommandOptions extends JobFilterOptions {
  /** ms since the epoch */
  since?: Date
}

/** Where the store lists some jobs alone. */
const NONE_MARKED = 'no job fits; listed are those sent over HTTP, or with tags, an owner or a kept input'

/** `celeriac list`: the newest jobs that fit a filter. A store that keeps no list is an error. */
export async function list(options: ListCommandOptions): Promise<void> {
  const { state, task, owner, tag, search: q, since, limit, cursor, json } = options
  const { found, lists } = await withApp(options, async (app) => {
    const filter = { state, task, owner, tag, q, since: since?.getTime(), limit, cursor }
    const page = await app.jobs(filter).catch((error: unknown) => {
      if (!(error instanceof ConfigError)) throw error
      throw new CeleriacError('COMMAND_FAILED', error.message)
    })
    return { found: page, lists: (await app.connect()).lists }
  })
  if (json) {
    process.stdout.write(`${jsonText(found)}\n`)
    return
  }
  const more = found.cursor === undefined ? [] : [`more fit: go on with --cursor ${found.cursor}`]
  process.stdout.write(
    `${[...found.jobs.map(jobLine), ...more].join('\n') || (lists === 'marked' ? NONE_MARKED : 'no job fits')}\n`,
  )
}
