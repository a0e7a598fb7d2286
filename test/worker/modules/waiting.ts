/* A task that waits for another one. */
import { App } from '../../../src/app/app.ts'

export function defineWaiting(app: App): App {
  const child = app.task('child', () => 1)
  app.task('parent', () => child.delay().get())
  return app
}

export const app: App = defineWaiting(new App())
