import type { Context } from 'hono'
import type { KnownTaskDocument, KnownTaskListDocument } from '../../protocol/knownTaskDocument.ts'
import { hasRole } from '../access/roles.ts'
import type { HttpScope } from '../apiContext.ts'
import { readQuery } from '../input/query.ts'
import { respondDocument } from '../output/document.ts'
import { respondProblem } from '../output/problem.ts'
import { registeredTasks } from './live/taskAnswers.ts'

/**
 * `GET /tasks`: the tasks that are exposed; for viewers also those that workers have registered, and those that were
 * recorded.
 */
export async function listTasks(c: Context, scope: HttpScope): Promise<Response> {
  const query = readQuery(c.req.url, {})
  if (query.kind === 'refused') return respondProblem(query.problem, c.req.path)
  const { app, exposed } = scope
  const sees = hasRole(c, 'viewer')
  const [registered, recorded] = sees
    ? await Promise.all([registeredTasks(app), recordedTasks(scope)])
    : [new Map<string, readonly string[]>(), new Set<string>()]
  const names = [...new Set([...exposed, ...registered.keys(), ...recorded])].toSorted()
  const tasks = names.map(
    (name): KnownTaskDocument => ({
      name,
      ...(exposed.has(name) && { exposed: true }),
      ...(recorded.has(name) && { recorded: true }),
      workers: registered.get(name) ?? [],
    }),
  )
  return respondDocument({ tasks } satisfies KnownTaskListDocument)
}

async function recordedTasks({ recording }: HttpScope): Promise<ReadonlySet<string>> {
  return new Set(await (await recording?.())?.tasks())
}
