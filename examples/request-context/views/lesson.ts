import type { IncomingMessage } from 'node:http'
import type { AsyncResult } from 'celeriac'
import { EncodeError } from 'celeriac'
import type { Context } from 'hono'
import { app } from '../app.ts'
import { greet } from '../tasks/lesson.ts'
import { messagePage } from './pages.ts'
import type { Env } from './session.ts'

/*
 * What is sent to a task goes to another process: it must be plain data. What is not is refused here, where it is called, and the error says
 * where in the arguments it is.
 */

export async function callGreet(c: Context<Env>): Promise<Response> {
  const user = c.get('user')
  const { what } = await c.req.parseBody()
  if (!user || typeof what !== 'string' || !Object.hasOwn(CALLS, what))
    return c.html(messagePage('Unknown', `expected one of ${Object.keys(CALLS).join(', ')}`), 422)
  const { socket } = (c.env as unknown as { incoming: IncomingMessage }).incoming
  try {
    const { id } = await (CALLS[what as keyof typeof CALLS] as LessonCall)(user, socket)
    return c.html(messagePage('It is sent', `The task has the id ${id}.`), 202)
  } catch (error) {
    if (!(error instanceof EncodeError)) throw error
    return c.html(messagePage('It cannot be sent', error.message), 422)
  }
}

// biome-ignore lint/suspicious/noExplicitAny: what these send is wrong, and the compiler would say so.
type LessonCall = (user: any, socket: any) => Promise<AsyncResult>

const CALLS: Readonly<Record<'data' | 'instance' | 'socket' | 'context', LessonCall>> = {
  data: ({ name }) => greet.delay({ user: { name } }),
  instance: (user) => greet.delay({ user }),
  socket: ({ name }, socket) => greet.delay({ user: { name, socket } as { name: string } }),
  context: ({ name, email }, socket) =>
    app.withContext({ user: { name, email, socket } as { name: string; email: string } }, () =>
      greet.delay({ user: { name } }),
    ),
}
