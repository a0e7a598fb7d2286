import { app } from '../app.ts'
import { journal } from '../models/journal.ts'

/** After each task: what has been done, and for whom. */
app.afterTask(async ({ id, task, state, request }) => {
  const user = app.requestContext()?.values.user?.name
  await journal.save({ id, task, state, user, request: `${request?.method ?? '-'} ${request?.path ?? '-'}` })
})
