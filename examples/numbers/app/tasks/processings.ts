import { every, type TaskContext } from 'celeriac'
import { z } from 'zod'
import { INTERVAL } from '../../config/settings.ts'
import { app } from '../celeriac.ts'
import { database } from '../models/database.ts'
import { claimNumbers, releaseNumbers } from '../models/numbers.ts'
import { type Processing, runProcessing } from './subprocess.ts'

/*
 * Periodic tasks: beat sends them. Each takes the numbers that wait for its processing, and runs it over them in a process of its own.
 */

/** Adds two. */
export const sumTask = app.task({
  name: 'sum_task',
  description: 'Adds two to the numbers that wait for it',
  input: z.strictObject({}),
  output: z.int(),
  run: (_, ctx) => processWaiting('sum', ctx),
})

/** Multiplies by two. */
export const mulTask = app.task({
  name: 'mul_task',
  description: 'Multiplies the numbers that wait for it by two',
  input: z.strictObject({}),
  output: z.int(),
  run: (_, ctx) => processWaiting('mul', ctx),
})

// A tick is left out while the one before still waits or runs, so that none pile up where no worker is.
app.schedule('sum', every(INTERVAL), { task: sumTask, args: {} }, { overlap: 'skip' })
app.schedule('mul', every(INTERVAL), { task: mulTask, args: {} }, { overlap: 'skip' })

/** How many numbers it has handed to the processing, which reports their results to the server itself. */
async function processWaiting(processing: Processing, ctx: TaskContext): Promise<number> {
  const db = await database()
  const claim = await claimNumbers(db, processing, ctx.id)
  const count = claim.numbers.length
  if (count === 0) return 0
  ctx.log.info({ processing, count }, 'numbers are processed')
  try {
    await runProcessing(processing, claim, ctx)
  } catch (error) {
    // The next tick takes them up.
    await releaseNumbers(db, processing, ctx.id)
    throw error
  }
  return count
}
