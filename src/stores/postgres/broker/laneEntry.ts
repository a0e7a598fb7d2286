import type { Lane } from '../../../broker/lane.ts'
import { limitsHeader } from '../../../protocol/limits.ts'
import { ArgumentError } from '../../../std/errors.ts'
import { shown } from '../../../std/validate.ts'
import type { Step } from '../connection/pipeline.ts'
import { RowsStatement } from '../connection/rows.ts'

const ENTER = new RowsStatement(
  'lanes_enter',
  { lane: 'text', queue: 'text', limits: 'text' },
  ' SELECT celeriac.enter_lanes(array_agg(lane), array_agg(queue), array_agg(limits))::text FROM given',
)

/** The steps by which messages enter these lanes, behind those that write the messages. Throws ArgumentError. */
export function enteringSteps(lanes: Iterable<Lane>): Step[] {
  const rows = ENTER.rows()
  for (const lane of lanes) rows.add(lane.name, lane.queue, limitsTextOf(lane))
  return rows.length > 0 ? [ENTER.step(rows)] : []
}

/** The limits of a lane as JSON. Throws ArgumentError for names that PostgreSQL cannot keep. */
export function limitsTextOf({ limits }: Lane): string {
  for (const { rule, key } of limits)
    for (const name of [rule, key])
      if (name.includes('\0') || !name.isWellFormed())
        throw new ArgumentError(
          `expected a limit without a zero character or half a surrogate pair, which PostgreSQL cannot keep, got ${shown(name)}`,
        )
  return limitsHeader(limits)
}
