import { ArgumentError } from '../std/errors.ts'
import { isRecord } from '../std/isRecord.ts'
import { canvasOf, type SignatureData } from './signature.ts'

/**
 * Workflows in Celery's form are nested, so that each call has one place: one that two of these contain would be sent
 * twice. Throws ArgumentError for such a call.
 */
export function refuseShared(before: readonly SignatureData[], where: string): void {
  const seen = new Set<object>()
  for (const one of before) {
    for (const call of callsIn(one)) {
      if (seen.has(call))
        throw new ArgumentError(
          `${where}: expected calls that are in one place, got ${call.task} in two: it would run twice; write it once, before a group, as chain(${call.task}, group([…])), or make a signature for each place`,
        )
      seen.add(call)
    }
  }
}

/** The calls of tasks in a workflow, without links. */
function callsIn(data: SignatureData): readonly SignatureData[] {
  if (canvasOf(data) === undefined) return [data]
  const { tasks, header, body } = data.kwargs
  const parts = [tasks, header, body].flat() as unknown[]
  return parts.flatMap((part) => (isRecord(part) ? callsIn(part as unknown as SignatureData) : []))
}
