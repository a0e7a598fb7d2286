/** What a request was about, in the words of the audit log. */
export interface Action {
  /** As `queue.purge`. */
  readonly action: string
  /** As `queue mail`. */
  readonly target: string
}

/** Where the words that the path gives are not the field's own. By method and path of the route, without its base. */
const ACTIONS: Readonly<Record<string, string>> = {
  'POST /tasks/:name': 'task.submit',
  'POST /batches': 'batch.submit',
  'POST /workflows': 'workflow.submit',
  'POST /payloads': 'payload.open',
  'PUT /payloads/:token': 'payload.put',
  'POST /waits/:token': 'wait.complete',
  'DELETE /jobs': 'job.revoke',
  'DELETE /jobs/:id': 'job.revoke',
  'POST /jobs/revoke': 'job.revoke',
  'DELETE /records': 'record.forget',
  'PUT /pauses/:kind/:name': 'pause.add',
  'DELETE /pauses/:kind/:name': 'pause.remove',
  'DELETE /dead': 'dead.drop',
  'DELETE /dead/:id': 'dead.drop',
  'DELETE /queues/:name/messages': 'queue.purge',
}
const VERBS: Readonly<Record<string, string>> = { POST: 'create', PUT: 'put', PATCH: 'change', DELETE: 'remove' }

/** Parts of a path that are secrets. */
const SECRET_PARTS: ReadonlySet<string> = new Set([':token'])
const MAX_TARGET = 300

/**
 * The words for a request: by the table, else those of its path, as `schedule.run` for `POST /schedules/:name/run`.
 * `route`: the pattern without the base; undefined where nothing is at the path.
 */
export function actionOf(method: string, route: string | undefined, path: string): Action {
  if (route === undefined) return { action: 'none', target: path.slice(0, MAX_TARGET) }
  const pattern = route.split('/').slice(1)
  const noun = nounOf(pattern[0] ?? '')
  const last = pattern.findLast((part) => !part.startsWith(':'))
  const verb = pattern.length > 1 && last !== pattern[0] ? last : VERBS[method]
  const values = valuesOf(pattern, path)
  return {
    action: ACTIONS[`${method} ${route}`] ?? `${noun}.${verb}`,
    target: [values.length === 0 ? pattern[0] : noun, ...values].join(' ').slice(0, MAX_TARGET),
  }
}

/** Its resource in the singular. */
function nounOf(resource: string): string {
  if (resource === 'batches') return 'batch'
  return resource.endsWith('s') ? resource.slice(0, -1) : resource
}

/** The value of each parameter; the API may be mounted below another path. */
function valuesOf(pattern: readonly string[], path: string): string[] {
  const given = path.split('/').slice(-pattern.length)
  return pattern.flatMap((part, at) =>
    part.startsWith(':') ? [SECRET_PARTS.has(part) ? '[redacted]' : decoded(given[at] ?? '')] : [],
  )
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // No encoding of text: as it came.
    return text
  }
}
