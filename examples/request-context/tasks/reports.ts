import { setTimeout as sleep } from 'node:timers/promises'
import { urlFor } from 'celeriac'
import { z } from 'zod'
import { app } from '../app.ts'
import { WRITING } from '../config.ts'
import { reports } from '../models/reports.ts'
import { mailReport } from './mails.ts'
import { userHere } from './user.ts'

/** Writes a report for the user who asked, and has a mail sent. Returns where the report is. */
export const writeReport = app.task({
  name: 'reports.write',
  input: z.strictObject({ id: z.uuid(), title: z.string() }),
  output: z.url(),
  async run({ id, title }, ctx) {
    const { name } = userHere()
    await sleep(WRITING, undefined, { signal: ctx.signal })
    await reports.save({ id, title, owner: name, text: `All there is to say about ${title}, for ${name}.` })
    // By the key there is one mail, also where this ran twice because a worker was killed.
    await mailReport.applyAsync({ id, title }, { idempotencyKey: id })
    return urlFor(`/reports/${id}`)
  },
})
