/*
 * Compiled by the type check, never run: what a typed client infers from the tasks of a module, and what it refuses.
 */
import { createClient, type JobHandle } from 'celeriac/client'
import type * as tasks from './clientTasks.ts'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_same: Same<A, B>): void => undefined

const client = createClient<typeof tasks>('http://localhost:5000')

export async function results(): Promise<void> {
  const sum = await client.run('math.add', [1, 2], { timeout: 1000 })
  same<typeof sum, number>(true)
  const picture = await client.run('images.thumbnail', ['https://example.org'])
  same<typeof picture, Uint8Array<ArrayBuffer>>(true)
  const nothing = await client.run('tidy', [])
  same<typeof nothing, null>(true)
  const made = await client.run(
    'reports.render',
    { id: 'r1' },
    { onProgress: ({ page }) => same<typeof page, number>(true) },
  )
  same<typeof made.made, string>(true)
  same<typeof made.big, number | bigint>(true)
  same<typeof made.raw, string | undefined>(true)
  const handle = await client.submit('math.add', [1, 2], { idempotencyKey: 'k', webhook: 'https://example.org/' })
  same<Awaited<ReturnType<typeof handle.result>>, number>(true)
  const again = client.job<'math.add'>(handle.id)
  same<typeof again, typeof handle>(true)
  const bare = client.job(handle.id)
  same<typeof bare, JobHandle>(true)
  const elsewhere = createClient<{ multiply: typeof tasks.add }>('/')
  same<Awaited<ReturnType<typeof elsewhere.run<'math.add'>>>, number>(true)
}

export async function events(): Promise<void> {
  for await (const event of (await client.submit('reports.render', { id: 'r1', dpi: 300 })).events()) {
    if (event.type === 'progress') same<typeof event.data, { page: number }>(true)
    if (event.type === 'result') same<typeof event.data.url, string>(true)
    if (event.type === 'error') same<typeof event.state, 'FAILURE' | 'REVOKED'>(true)
  }
}

export async function refused(): Promise<void> {
  // @ts-expect-error no task of this name
  await client.run('math.sub', [1, 2])
  // @ts-expect-error the name of the export is not the name of the task
  await client.run('add', [1, 2])
  // @ts-expect-error the app is no task
  await client.run('app', [])
  // @ts-expect-error an argument is missing
  await client.run('math.add', [1])
  // @ts-expect-error no number
  await client.submit('math.add', [1, '2'])
  // @ts-expect-error the input has an id
  await client.run('reports.render', {})
  // @ts-expect-error no such field
  await client.run('reports.render', { id: 'r1', dpy: 3 })
  // @ts-expect-error no such option
  await client.submit('math.add', [1, 2], { timeout: 5 })
  // @ts-expect-error no such option
  createClient<typeof tasks>('/', { tokn: 'x' })
}
