import { expect, it } from 'vitest'
import { currentTask } from '../../src/app/current.ts'
import { onEachStore, until } from '../app/lab.ts'

onEachStore((lab) => {
  it('a second run begins with STARTED: the progress of the lost one is not shown as its own', async () => {
    const app = lab().app()
    const gate = Promise.withResolvers<void>()
    let runs = 0
    const task = app.task('task', async () => {
      if (++runs === 1) {
        await currentTask()?.progress(0.4)
        return new Promise(() => undefined)
      }
      return gate.promise
    })
    const first = await lab().work(app, { hostname: 'first@x' })
    const handle = await task.delay()
    await until(async () => (await handle.state()) === 'PROGRESS')
    await first.stop({ grace: 0 })
    await lab().work(app, { hostname: 'second@x' })
    await until(() => runs === 2)
    await until(async () => (await handle.state()) === 'STARTED')
    expect(await handle.info()).toMatchObject({ worker: 'second@x', progress: undefined })
    gate.resolve()
    await handle.get({ timeout: '20s' })
  })
})
