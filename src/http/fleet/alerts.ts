import type { Context } from 'hono'
import { ruleDocument } from '../../alerts/document.ts'
import { roleProblem } from '../access/roles.ts'
import type { HttpScope } from '../apiContext.ts'
import { readQuery } from '../input/query.ts'
import { respondDocument } from '../output/document.ts'
import { answerRecorded } from './recorded.ts'

/** `GET /alerts`: what each rule finds now, and how its alerts stand. */
export function listAlerts(c: Context, scope: HttpScope): Promise<Response> {
  return answerRecorded(c, scope, async () => {
    const problem = roleProblem(c, 'viewer', 'to see alerts')
    if (problem) return problem
    const query = readQuery(c.req.url, {})
    if (query.kind === 'refused') return query.problem
    const rules = (await scope.fleet?.alerts?.report()) ?? []
    return respondDocument({ rules: rules.map(ruleDocument) })
  })
}
