/*
 * Compiled by the type check, never run: the types of what a task hands out, from its schema to both ends.
 * A line that must not compile bears @ts-expect-error: the check fails when it does.
 */
import { Celeriac, currentTask } from 'celeriac'
import { createClient } from 'celeriac/client'
import { z } from 'zod'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_same: Same<A, B>): void => undefined

const app = new Celeriac()
const rows = app.task({
  name: 'rows',
  input: z.object({ table: z.string() }),
  chunk: z.object({ id: z.number(), at: z.date() }),
  exposeLogs: 'warn',
  async run(_, ctx) {
    await ctx.chunk({ id: 1, at: new Date() })
    // @ts-expect-error chunk has a schema
    await ctx.chunk({ id: '1' })
    await currentTask()?.chunk('anything')
    return 1
  },
})
const free = app.task('free', () => 1)
// @ts-expect-error no such level
app.task('loud', () => 1, { exposeLogs: 'trace' })

export async function events(): Promise<void> {
  for await (const event of (await rows.delay({ table: 'a' })).events()) {
    if (event.type === 'chunk') same<typeof event.data, { id: number; at: Date }>(true)
    if (event.type === 'log') same<typeof event.line.level, 'debug' | 'info' | 'warn' | 'error'>(true)
    same<typeof event.info.retries, number>(true)
  }
  for await (const event of (await free.delay()).events())
    if (event.type === 'chunk') same<typeof event.data, unknown>(true)
}

export async function client(): Promise<void> {
  const tasks = createClient<{ rows: typeof rows; free: typeof free }>('/')
  for await (const event of (await tasks.submit('rows', { table: 'a' })).events()) {
    if (event.type === 'chunk') same<typeof event.data, { id: number; at: string }>(true)
    if (event.type === 'result') same<typeof event.data, number>(true)
    if (event.type === 'log') same<typeof event.message, string>(true)
  }
  for await (const event of tasks.job<'free'>('id').events())
    if (event.type === 'chunk') same<typeof event.data, unknown>(true)
}
