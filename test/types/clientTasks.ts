/* Tasks as an application would export them, beside other things. */
import { Celeriac } from 'celeriac'
import { z } from 'zod'

export const app: Celeriac = new Celeriac({ broker: 'memory:' })
export const limit = 3
export const add = app.task('math.add', (x: number, y: number) => x + y)
export const thumbnail = app.task('images.thumbnail', async (_url: string) => new Uint8Array())
export const tidy = app.task('tidy', () => undefined)
export const report = app.task({
  name: 'reports.render',
  input: z.object({ id: z.string(), dpi: z.coerce.number().default(150), at: z.date().optional() }),
  output: z.object({ url: z.string(), made: z.date(), big: z.bigint(), raw: z.instanceof(Uint8Array).optional() }),
  progress: z.object({ page: z.number() }),
  run: () => ({ url: '', made: new Date(), big: 1n }),
})
