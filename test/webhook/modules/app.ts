import type { App } from '../../../src/app/app.ts'
import type { WebhookOptions } from '../../../src/config/webhookOptions.ts'
import { currentTask } from '../../../src/tasks/current.ts'
import { addWebhooks } from '../../../src/webhook/webhooks.ts'
import { secretOf } from '../receiver.ts'

export const webhooks: WebhookOptions = { secret: secretOf('one'), allow: ['127.0.0.1'], timeout: '2s' }

/** Tasks that end in each way, and the deliveries, repeated after 50 ms. */
export function define<A extends App>(app: A): A {
  app.task('add', (x: number, y: number) => x + y)
  app.task('fail', (message: string) => {
    throw new RangeError(message)
  })
  app.task('long', () => 'x'.repeat(300_000))
  app.task('stop', async () => {
    const task = currentTask()
    await task?.updateState('WAITING')
    await new Promise((_, reject) => task?.signal.addEventListener('abort', () => reject(task.signal.reason)))
  })
  addWebhooks(app, { firstDelay: 50 })
  return app
}
