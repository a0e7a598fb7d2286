import type { Context } from 'hono'
import type { RecordedWorkflowDocument, RecordedWorkflowPageDocument } from '../../protocol/recordedDocument.ts'
import type { RecordedWorkflow } from '../../recorder/recording.ts'
import { isoOf } from '../../std/clock.ts'
import type { HttpScope } from '../apiContext.ts'
import { readQuery, requireMoment, requireWord } from '../input/query.ts'
import { nextLink, respondDocument } from '../output/document.ts'
import { answerRecorded, isProblem, requireWords, seenOf } from './recorded.ts'

const READERS = {
  task: requireWords,
  owner: requireWord,
  since: requireMoment,
  until: requireMoment,
  limit: requireWorkflows,
  cursor: requireWord,
}
const DEFAULT_LIMIT = 20
const MAX_LIMIT = 100

/** `GET /workflows`: jobs that others name as their root, those with the newest job first. */
export function listWorkflows(c: Context, scope: HttpScope): Promise<Response> {
  return answerRecorded(c, scope, async (recording) => {
    const query = readQuery(c.req.url, READERS)
    if (query.kind === 'refused') return query.problem
    const { task, owner, limit = DEFAULT_LIMIT, ...rest } = query.values
    const seen = seenOf(c, scope, { owner, tasks: task })
    if (isProblem(seen)) return seen
    const { workflows, cursor } = await recording.workflows({ ...rest, ...seen, limit })
    const document: RecordedWorkflowPageDocument = {
      workflows: workflows.map(workflowDocument),
      ...(cursor !== undefined && { cursor }),
    }
    return respondDocument(document, { headers: nextLink(c, 'workflows', cursor) })
  })
}

function workflowDocument(workflow: RecordedWorkflow): RecordedWorkflowDocument {
  const { task, state, firstAt, changedAt, endedAt, isPartial, ...rest } = workflow
  return {
    ...rest,
    task: task ?? null,
    state: state ?? null,
    firstAt: isoOf(firstAt),
    changedAt: isoOf(changedAt),
    ...(endedAt !== undefined && { endedAt: isoOf(endedAt) }),
    ...(isPartial && { isPartial }),
  }
}

function requireWorkflows(text: string): number {
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (limit < 1 || limit > MAX_LIMIT) throw new RangeError(`expected a whole number from 1 to ${MAX_LIMIT}`)
  return limit
}
