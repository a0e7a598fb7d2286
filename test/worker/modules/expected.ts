/* A task that declares one of its errors. */
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'

export class NotFound extends Error {
  override readonly name: string = 'NotFound'
}

export function defineExpected(app: App): App {
  app.task(
    'find',
    (name: string) => {
      if (name === '') throw new RangeError('no name')
      throw new NotFound(`no ${name}`)
    },
    { throws: [NotFound] },
  )
  return app
}

export const app: App = defineExpected(new App({ logger: createLogger('silent') }))
