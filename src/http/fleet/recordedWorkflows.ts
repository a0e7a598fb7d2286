import type { Context } from 'hono'
import type { RecordedWorkflowDocument, RecordedWorkflowPageDocument } from '../../protocol/recordedDocument.ts'
import type { RecordedWorkflow } from '../../recorder/recording.ts'
import { isoOf } from '../../std/clock.ts'
import type { HttpScope } from '../apiContext.ts'
import { readQuery, requireMoment, requireWhole, requireWord } from '../input/query.ts'
import { nextLink, respondDocument } from '../output/document.ts'
import { answerRecorded, isProblem, requireWords, seenOf } from './recorded.ts'

const DEFAULT_LIMIT = 20
const MAX_LIMIT = 100

const READERS = {
  task: requireWords,
  owner: requireWord,
  since: requireMoment,
  until: requireMoment,
  limit: requireWhole(MAX_LIMIT),
  cursor: requireWord,
}

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
