import type { CompletionState } from '../../../backend/unitOfWork.ts'
import type { Hold } from '../broker/delivery.ts'
import type { Database } from '../connection/database.ts'
import type { Statement } from '../connection/pipeline.ts'

/** The locked claim is that of an open transaction: what this does not see is deleted there. */
const FREE: Statement = {
  name: 'completion_free',
  text: `SELECT seq FROM celeriac.claim WHERE seq = $1 AND consumer = $2 AND fence = $3 FOR UPDATE SKIP LOCKED`,
}

/** A message that is gone was settled by its consumer, as long as that is registered. */
const STATE: Statement = {
  name: 'completion_state',
  text: `SELECT CASE
    WHEN EXISTS (SELECT 1 FROM celeriac.claim WHERE seq = $1 AND consumer = $2 AND fence = $3) THEN 'open'
    WHEN EXISTS (SELECT 1 FROM celeriac.message WHERE seq = $1) THEN 'lost'
    WHEN EXISTS (SELECT 1 FROM celeriac.consumer WHERE id = $2) THEN 'committed'
    ELSE 'lost' END`,
}

/** As `Completions.state`. */
export async function completionState(database: Database, hold: Hold): Promise<CompletionState> {
  const values = [hold.seq, hold.consumer, hold.fence]
  const [free] = await database.run([{ statement: FREE, values }], { repeatable: true })
  if (free && free.length > 0) return 'undone'
  const [[row] = []] = await database.run([{ statement: STATE, values }], { repeatable: true })
  return row?.[0] as CompletionState
}
