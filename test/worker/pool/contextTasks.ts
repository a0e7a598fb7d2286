import { threadId } from 'node:worker_threads'
import { App } from '../../../src/app/app.ts'
import { currentTask, requestContext, urlFor } from '../../../src/tasks/current.ts'

/** Tasks that tell what they know of their request, in threads. */
export const app = new App()

app.task(
  'where',
  async (child: boolean) => {
    if (currentTask()?.attempt === 1) throw new Error('again')
    const seen = { thread: threadId, context: requestContext(), url: urlFor('/x'), same: currentTask()?.request }
    return child ? (await app.send('where', [false], { retry: { max: 1, delay: 1 } })).id : seen
  },
  { retry: { max: 1, delay: 1 } },
)

app.task('die', () => process.exit(3))
